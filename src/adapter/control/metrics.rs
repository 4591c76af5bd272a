//! The metrics, by name. Names and labels are stable: a metric is added, never renamed. Alert rules and a dashboard that use
//! them are in `systemd/monitoring/`, and a test holds them to these names.

use super::exposition::{Kind, Metric, Page, seconds_since_1970};
use crate::domain::credential::CredentialKind;
use crate::domain::delivery::Reason;
use crate::domain::schedule::model::Priority;
use crate::port::vitals::{
    Counted, CredentialFigures, Figures, LedgerFigures, ProcessFigures, REACHES, ZONE_SOURCES, reach_word, source_word,
};

/// The answer to a scrape.
pub(super) fn exposition(figures: &Figures) -> String {
    let mut page = Page::default();
    let mut build = page.metric("nudged_build_info", Kind::Gauge, "Always 1; its label says which version runs.");
    build.sample(&[("version", figures.version)], 1);
    counted(&mut page, &figures.counted);
    loops(&mut page, figures);
    files(&mut page, figures);
    credential(&mut page, &figures.credential);
    endpoint(&mut page, figures);
    page.instant(
        "nudged_backup_last_timestamp_seconds",
        "When the newest daily backup of the ledger was made; absent before the first look, or without [backup].",
        figures.last_backup_at,
    );
    ledger(&mut page, figures);
    process(&mut page, figures, &figures.process);
    page.into_text()
}

fn counted(page: &mut Page, counted: &Counted) {
    let mut deliveries = page.metric(
        "nudged_deliveries_total",
        Kind::Counter,
        "Deliveries that a sender brought to an end, by final state and reason, which is empty where there is none. What \
         ended before a sender had it (cancelled, or over when its wave was expanded) is not among them; `nudged status` \
         counts everything.",
    );
    for (state, reason, count) in &counted.deliveries {
        let reason = reason.map_or("", Reason::as_str);
        deliveries.sample(&[("state", state.as_str()), ("reason", reason)], count);
    }
    let mut retries = page.metric(
        "nudged_delivery_retries_total",
        Kind::Counter,
        "Deliveries put back to be tried again, by reason.",
    );
    for (reason, count) in &counted.retries {
        retries.sample(&[("reason", reason.as_str())], count);
    }
    let mut lateness = page.metric(
        "nudged_delivery_lateness_seconds",
        Kind::Histogram,
        "Of sent deliveries, the time from the due instant of the recipient to the durable outcome: the measure of service.",
    );
    for (priority, distribution) in &counted.lateness {
        lateness.distribution(&[("priority", priority_word(*priority))], distribution);
    }
    let mut requests = page.metric(
        "nudged_requests_total",
        Kind::Counter,
        "Calls of the Bot Connector, by operation and by what the answer meant.",
    );
    for (call, end, count) in &counted.calls {
        requests.sample(&[("operation", call.as_str()), ("result", end.as_str())], count);
    }
    let mut durations = page.metric(
        "nudged_request_duration_seconds",
        Kind::Histogram,
        "Time from a call of the Bot Connector to its answer, with the token where one had to be fetched.",
    );
    for (call, distribution) in &counted.call_durations {
        durations.distribution(&[("operation", call.as_str())], distribution);
    }
    page.one(
        "nudged_throttled_total",
        Kind::Counter,
        "Answers with which Teams asked to slow down.",
        counted.throttled,
    );
    page.one(
        "nudged_expanded_deliveries_total",
        Kind::Counter,
        "Deliveries that were made of waves, shortly before these are due.",
        counted.expanded,
    );
}

fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::Critical => "critical",
        Priority::Normal => "normal",
        Priority::Bulk => "bulk",
    }
}

fn loops(page: &mut Page, figures: &Figures) {
    page.one(
        "nudged_planning_passes_total",
        Kind::Counter,
        "Passes of the planner. It makes one a minute.",
        figures.planning_passes,
    );
    page.one(
        "nudged_dispatcher_rounds_total",
        Kind::Counter,
        "Rounds of the loop that claims what is due.",
        figures.dispatcher_rounds,
    );
    page.one(
        "nudged_oldest_request_seconds",
        Kind::Gauge,
        "How long the oldest request has been under way, its outcome included; 0 where there is none.",
        figures.oldest_request.unwrap_or_default().as_secs_f64(),
    );
    page.one(
        "nudged_sending_blocked",
        Kind::Gauge,
        "1 while the bot's own set-up keeps it from sending and the queue waits; `nudged status` says why.",
        u8::from(figures.is_blocked),
    );
}

fn files(page: &mut Page, figures: &Figures) {
    page.one("nudged_schedules", Kind::Gauge, "Schedules in force.", figures.schedules);
    page.one(
        "nudged_files_held_back",
        Kind::Gauge,
        "Schedule files and supplies that are not used as they stand, because they are wrong.",
        figures.files_held_back,
    );
    page.one(
        "nudged_reload_last_ok",
        Kind::Gauge,
        "1 when the last reading of the files took all of them as they stand.",
        u8::from(figures.reloads.is_last_whole),
    );
    page.instant(
        "nudged_reload_last_success_timestamp_seconds",
        "When a reading of the files last took all of them as they stand; absent before the first.",
        figures.reloads.last_whole_at,
    );
}

fn credential(page: &mut Page, credential: &CredentialFigures) {
    let kind = match credential.kind {
        CredentialKind::Secret => "secret",
        CredentialKind::Certificate => "certificate",
        CredentialKind::ManagedIdentity => "managed-identity",
        CredentialKind::WorkloadIdentity => "workload-identity",
    };
    page.metric("nudged_credential_usable", Kind::Gauge, "1 while the bot's credential can be read and makes sense.")
        .sample(&[("kind", kind)], u8::from(credential.is_usable));
    let mut expiry = page.metric(
        "nudged_credential_expiry_timestamp_seconds",
        Kind::Gauge,
        "When the bot's secret or certificate expires; absent where nobody knows it, or it has no end.",
    );
    if let Some(at) = credential.expires_at {
        expiry.sample(&[("kind", kind)], seconds_since_1970(at));
    }
    page.instant(
        "nudged_token_expiry_timestamp_seconds",
        "When the token in hand expires; absent before the first. A new one is fetched in time, when one is needed.",
        credential.token_expires_at,
    );
}

fn endpoint(page: &mut Page, figures: &Figures) {
    let Some(endpoint) = figures.endpoint else { return };
    page.one(
        "nudged_endpoint_activities_total",
        Kind::Counter,
        "Activities of Teams that the messaging endpoint took in.",
        endpoint.heard,
    );
    page.one(
        "nudged_endpoint_refused_total",
        Kind::Counter,
        "Requests to the messaging endpoint that were not from Teams, or not for this bot.",
        endpoint.refused,
    );
    page.instant(
        "nudged_endpoint_last_activity_timestamp_seconds",
        "When Teams last told the messaging endpoint something; absent before the first time since the start.",
        endpoint.last_heard_at,
    );
}

fn ledger(page: &mut Page, figures: &Figures) {
    page.one(
        "nudged_ledger_readable",
        Kind::Gauge,
        "1 when the ledger could be asked for this scrape; without it the metrics below are absent.",
        u8::from(figures.ledger.is_some()),
    );
    let Some(LedgerFigures { queues, paused, crowd }) = &figures.ledger else { return };
    page.one(
        "nudged_schedules_paused",
        Kind::Gauge,
        "Schedules of which nothing is sent until somebody resumes them.",
        paused,
    );
    let mut depth = page.metric(
        "nudged_queue_depth",
        Kind::Gauge,
        "Deliveries that may be tried now and are in nobody's hands; those of paused schedules are held. 5 s old at most.",
    );
    for queue in queues {
        depth.sample(&[("queue", queue.queue.as_str())], queue.due);
    }
    let mut oldest = page.metric(
        "nudged_oldest_due_seconds",
        Kind::Gauge,
        "For how long the delivery that waits longest could have been tried; 0 where none waits. 5 s old at most.",
    );
    for queue in queues {
        let age = queue.oldest_since.and_then(|since| (figures.now - since).to_std().ok());
        oldest.sample(&[("queue", queue.queue.as_str())], age.unwrap_or_default().as_secs_f64());
    }
    let references = page.metric(
        "nudged_references",
        Kind::Gauge,
        "Persons, chats and channels by whether they can be reached, or why not. 5 min old at most.",
    );
    each(references, "state", REACHES.map(reach_word), |word| {
        crowd.references.iter().find(|(reach, _)| reach_word(*reach) == word).map(|(_, count)| *count)
    });
    let sources = page.metric(
        "nudged_recipients_by_zone_source",
        Kind::Gauge,
        "Persons by who said in which time zone they live. 5 min old at most.",
    );
    each(sources, "source", ZONE_SOURCES.map(source_word), |word| {
        crowd.zone_sources.iter().find(|(source, _)| source_word(*source) == word).map(|(_, count)| *count)
    });
}

/// A sample for each word, also for those that nobody has: a gauge that goes away is not a zero.
fn each<const N: usize>(
    mut metric: Metric<'_>,
    label: &'static str,
    words: [&'static str; N],
    count: impl Fn(&str) -> Option<u64>,
) {
    for word in words {
        metric.sample(&[(label, word)], count(word).unwrap_or_default());
    }
}

/// Under the names that every client library of Prometheus has for them.
fn process(page: &mut Page, figures: &Figures, process: &ProcessFigures) {
    page.instant(
        "process_start_time_seconds",
        "When the daemon started, in seconds since 1970.",
        Some(figures.started_at),
    );
    if let Some(cpu) = process.cpu {
        page.one(
            "process_cpu_seconds_total",
            Kind::Counter,
            "Processor time in user and system mode, in seconds.",
            cpu.as_secs_f64(),
        );
    }
    let gauges = [
        ("process_resident_memory_bytes", "Resident memory, in bytes.", process.resident_bytes),
        ("process_open_fds", "Open file descriptors.", process.open_files),
        ("process_max_fds", "File descriptors that may be open at most.", process.most_files),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            page.one(name, Kind::Gauge, help, value);
        }
    }
}

#[cfg(test)]
mod tests;
