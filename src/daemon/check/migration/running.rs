//! Differences of the process: rights, time limits, logs, signals, reading of files.

use super::{Case, Difference, Rule, difference};
use crate::config::keys::Level;
use crate::config::settings::{LogFormat, Origin};

pub(super) const RIGHTS: &[Rule] = &[no_user, set_uid];
pub(super) const TIME: &[Rule] = &[keep_alive, keep_alive_spelling, timeout];
pub(super) const LOG: &[Rule] = &[log_lines, log_rotation];
pub(super) const PROCESS: &[Rule] =
    &[threads, address_limits, reload, stop, crash, errors, unknown_keys, long_values];

/// Bytes of a value that lwsws reads.
const LWSWS_VALUE_BYTES: u32 = 254;

fn no_user(case: &Case<'_>) -> Option<Difference> {
    let global = &case.settings.global;
    if global.username.is_some() || global.uid.is_some() {
        return None;
    }
    let user = if case.server.must_drop { case.server.user.as_str() } else { "nobody" };
    let text = format!("lwsws stayed root without \"username\"; Kinglet serves as {user} then");
    Some(difference(None, text).before("\"username\": \"root\""))
}

fn set_uid(case: &Case<'_>) -> Option<Difference> {
    let cgi = case
        .mounts()
        .find(|mount| matches!(mount.origin.value, Origin::NotBuilt { scheme: "cgi", .. }))?;
    let text = "CGI programs cannot gain rights by set-uid programs such as sudo";
    let on = case.settings.global.no_new_privs;
    on.then(|| difference(cgi.origin.place, text).before("\"no-new-privs\": \"0\""))
}

fn keep_alive(case: &Case<'_>) -> Option<Difference> {
    let vhost = case.settings.written.vhost_without("keepalive-timeout")?;
    let text = "without \"keepalive-timeout\" an idle connection is kept for 60 s, not for 5";
    Some(difference(vhost, text).before("\"keepalive-timeout\": \"5\""))
}

fn keep_alive_spelling(case: &Case<'_>) -> Option<Difference> {
    let ignored = case.settings.written.keys.iter().find(|given| {
        given.level == Level::Vhost
            && given.key == "keepalive-timeout"
            && given.spelling != "keepalive_timeout"
    })?;
    let text = format!(
        "\"{}\" counts; lwsws read only \"keepalive_timeout\" and kept connections for 5 s",
        ignored.spelling
    );
    Some(difference(ignored.place, text))
}

fn timeout(case: &Case<'_>) -> Option<Difference> {
    if case.settings.written.find(Level::Global, "timeout-secs").is_some() {
        return None;
    }
    let text = "without \"timeout-secs\" an exchange that does not move ends after 5 s, not 15";
    Some(difference(None, text).before("\"timeout-secs\": \"15\""))
}

fn log_lines(case: &Case<'_>) -> Option<Difference> {
    let vhost = case.vhost(|vhost| vhost.access_log.is_some())?;
    let text = "a line has the user and the query as well, and is never cut; it is Apache's \
                combined format to the letter, lwsws wrote \"\" for what was not sent and counted \
                heads";
    let found = difference(vhost.access_log.as_ref().map(|log| log.place), text);
    let is_default = vhost.access_log_format == LogFormat::Combined;
    Some(if is_default { found.before("\"access-log-format\": \"lwsws\"") } else { found })
}

fn log_rotation(case: &Case<'_>) -> Option<Difference> {
    case.vhost(|vhost| vhost.access_log.is_some())?;
    let text = "SIGUSR1 and SIGHUP open the files again: take \"copytruncate\", which loses \
                lines, out of logrotate's file";
    Some(difference(None, text))
}

fn threads(case: &Case<'_>) -> Option<Difference> {
    let threads = case.settings.global.count_threads;
    let place = case.settings.written.find(Level::Global, "count-threads").map(|g| g.place);
    let text = format!(
        "{threads} threads serve; in lwsws most connections got no answer with \"count-threads\" \
         over 1"
    );
    (threads > 1).then(|| difference(place, text))
}

fn address_limits(case: &Case<'_>) -> Option<Difference> {
    let written = &case.settings.written;
    let given = ["ip-limit-ah", "ip-limit-wsi"].into_iter().find_map(|key| {
        let limits = &case.settings.global;
        let set = limits.ip_limit_ah.is_some() || limits.ip_limit_wsi.is_some();
        written.find(Level::Global, key).filter(|_| set)
    })?;
    let text = format!("\"{}\" counts; most builds of lwsws leave it out", given.key);
    Some(difference(given.place, text))
}

fn reload(_: &Case<'_>) -> Option<Difference> {
    let text = "SIGHUP takes up a changed configuration without refusing a connection, and keeps \
                the old one when the new one has an error; lwsws refused connections for a \
                second, or served nothing any more";
    Some(difference(None, text))
}

fn stop(case: &Case<'_>) -> Option<Difference> {
    let secs = case.settings.global.shutdown_secs;
    let text = format!(
        "SIGTERM to the first process ends all of them within {secs} s (\"shutdown-secs\"); \
         lwsws left a child that went on serving"
    );
    Some(difference(None, text))
}

fn crash(_: &Case<'_>) -> Option<Difference> {
    let text = "a serving process that dies is started again";
    Some(difference(None, text))
}

fn errors(_: &Case<'_>) -> Option<Difference> {
    let text = "an error in any file and nothing starts; lwsws went on with the vhosts before it";
    Some(difference(None, text))
}

fn unknown_keys(case: &Case<'_>) -> Option<Difference> {
    let text = "keys that nobody knows are reported; lwsws passed over them without a word";
    Some(difference(case.settings.written.unknown?, text))
}

fn long_values(case: &Case<'_>) -> Option<Difference> {
    let single = |given: &&crate::config::settings::Given| {
        let key = crate::config::keys::find(given.level, given.key);
        key.is_some_and(|key| key.kind.is_single())
    };
    // Two of the bytes are the quotes.
    let long = |given: &&crate::config::settings::Given| {
        given.place.end.saturating_sub(given.place.start) > LWSWS_VALUE_BYTES + 2
    };
    let given = case.settings.written.keys.iter().filter(single).find(long)?;
    let text = format!(
        "\"{}\" counts whole; of a value over {LWSWS_VALUE_BYTES} bytes lwsws took the end alone",
        given.spelling
    );
    Some(difference(given.place, text))
}
