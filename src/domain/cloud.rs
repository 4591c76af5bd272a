//! The clouds in which Microsoft runs Teams, and the addresses of each.
//!
//! From Microsoft's pages on proactive messages and on Connector authentication in national clouds, and from the
//! sources of its SDKs, all read in November 2026.

/// Where the bot and its people live. No token of one cloud is good in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    Public,
    /// For the government of the USA, with the public cloud's identity provider and a Connector of its own.
    Gcc,
    GccHigh,
    Dod,
    /// Run by 21Vianet.
    China,
}

/// The addresses of a cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The identity provider.
    pub login_url: &'static str,
    /// The authority, below the identity provider, that issues the tokens of multi-tenant bots.
    pub multi_tenant_authority: &'static str,
    /// What a token for the Connector is asked for with.
    pub scope: &'static str,
    /// The Connector for people of whom no service URL is known. `None` where none is published.
    pub service_url: Option<&'static str>,
    /// The one host that may be given the bot's token. `None` where none is published.
    pub connector_host: Option<&'static str>,
    /// Who issues the tokens with which Teams calls the bot.
    pub issuer: &'static str,
    /// The `OpenID` document that says where the keys of those tokens are.
    pub openid_url: &'static str,
}

impl Cloud {
    /// Every cloud, under the name that it has in the configuration.
    pub const ALL: [(&'static str, Cloud); 5] = [
        ("public", Cloud::Public),
        ("gcc", Cloud::Gcc),
        ("gcc-high", Cloud::GccHigh),
        ("dod", Cloud::Dod),
        ("china", Cloud::China),
    ];

    /// THE TABLE.
    #[must_use]
    pub fn addresses(self) -> Addresses {
        const PUBLIC: Addresses = Addresses {
            login_url: "https://login.microsoftonline.com",
            multi_tenant_authority: "botframework.com",
            scope: "https://api.botframework.com/.default",
            service_url: Some("https://smba.trafficmanager.net/teams/"),
            connector_host: Some("smba.trafficmanager.net"),
            issuer: "https://api.botframework.com",
            openid_url: "https://login.botframework.com/v1/.well-known/openidconfiguration",
        };
        const GCC_HIGH: Addresses = Addresses {
            login_url: "https://login.microsoftonline.us",
            multi_tenant_authority: "MicrosoftServices.onmicrosoft.us",
            scope: "https://api.botframework.us/.default",
            service_url: Some("https://smba.infra.gov.teams.microsoft.us/teams"),
            connector_host: Some("smba.infra.gov.teams.microsoft.us"),
            issuer: "https://api.botframework.us",
            openid_url: "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
        };
        match self {
            Cloud::Public => PUBLIC,
            Cloud::Gcc => Addresses {
                service_url: Some("https://smba.infra.gcc.teams.microsoft.com/teams"),
                connector_host: Some("smba.infra.gcc.teams.microsoft.com"),
                ..PUBLIC
            },
            Cloud::GccHigh => GCC_HIGH,
            Cloud::Dod => Addresses {
                service_url: Some("https://smba.infra.dod.teams.microsoft.us/teams"),
                connector_host: Some("smba.infra.dod.teams.microsoft.us"),
                ..GCC_HIGH
            },
            Cloud::China => Addresses {
                login_url: "https://login.partner.microsoftonline.cn",
                multi_tenant_authority: "microsoftservices.partner.onmschina.cn",
                scope: "https://api.botframework.azure.cn/.default",
                service_url: None,
                connector_host: None,
                issuer: "https://api.botframework.azure.cn",
                openid_url: "https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn the_service_url_of_a_cloud_is_on_its_own_host_and_on_nobody_elses() {
        let mut hosts = Vec::new();
        for (name, cloud) in Cloud::ALL {
            let of_cloud = cloud.addresses();
            let host = of_cloud.service_url.map(|text| Url::parse(text).expect("a URL"));
            let host = host.as_ref().map(|url| url.host_str().expect("a host"));
            assert_eq!(host, of_cloud.connector_host, "{name}");
            hosts.extend(of_cloud.connector_host);
        }
        let count = hosts.len();
        hosts.sort_unstable();
        hosts.dedup();
        assert_eq!(hosts.len(), count, "{hosts:?}");
    }
}
