//! Activities that another program of the same bot forwards.

use super::FrontDesk;
use crate::domain::activity;
use crate::port::desk::{DeskError, ForwardReceipt};
use crate::port::ear::{Reply, Via};

impl FrontDesk {
    /// Hears a forwarded activity. Whoever forwards is believed to have verified it; but since the service URL in it says where
    /// the bot's token goes, it has to be one to which we would send anyway. What is not of Teams may have any: nothing of it is
    /// kept.
    pub(super) async fn take_forwarded(&self, body: &[u8]) -> Result<ForwardReceipt, DeskError> {
        let Some(running) = &self.daemon else {
            return Err(DeskError::NoDaemon("an activity can only be taken in by a running daemon".into()));
        };
        let activity = activity::read(body)
            .map_err(|why| DeskError::BadRequest(format!("{why}; forward the activity just as Teams sent it")))?;
        if activity.is_of_teams()
            && let Some(url) = &activity.service_url
            && let Some(why) = self.service_urls.objection(url)
        {
            return Err(DeskError::BadRequest(format!(
                "nothing would be sent to the `serviceUrl` of the activity: {why}; if it is right, add its host to \
                 trusted_hosts below [bot]"
            )));
        }
        let reply =
            running.ear.hear(activity, Via::Forwarded).await.map_err(|why| DeskError::Failed(why.to_string()))?;
        Ok(match reply {
            Reply::Heard => ForwardReceipt { understood: true, answer: None },
            Reply::Invoke(body) => ForwardReceipt { understood: true, answer: Some(body) },
            Reply::NotUnderstood => ForwardReceipt { understood: false, answer: None },
        })
    }
}
