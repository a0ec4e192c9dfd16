//! What this version does not have yet.

use super::{Case, Difference, Rule, difference};
use crate::config::keys::Feature;

pub(super) const RULES: &[Rule] = &[capabilities, named_protocols, http_2];

fn capabilities(case: &Case<'_>) -> Option<Difference> {
    let unbuilt = &case.settings.written.unbuilt;
    let first = unbuilt.first()?;
    let mut names: Vec<&str> = Vec::new();
    for name in unbuilt.iter().map(|one| one.feature.name()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let has_origin = unbuilt.iter().any(|one| one.key == "origin");
    let mounts = if has_origin { ", and such mounts are answered with 501" } else { "" };
    let text = format!("{}: the keys are checked without effect{mounts}", names.join(", "));
    Some(difference(first.place, text))
}

fn named_protocols(case: &Case<'_>) -> Option<Difference> {
    let written = &case.settings.written;
    let is_used = |feature| written.unbuilt.iter().any(|one| one.feature == feature);
    let bare = written.vhost_without("ws-protocols")?;
    let text = "a vhost without \"ws-protocols\" will offer what plug-ins bring; the built-in \
                protocols have to be named";
    let concerns = is_used(Feature::WebSocket) || is_used(Feature::Plugins);
    concerns.then(|| difference(bare, text))
}

fn http_2(case: &Case<'_>) -> Option<Difference> {
    let tls = case.vhost(|vhost| vhost.tls.is_some())?.tls.as_ref()?;
    let text = "HTTP/2: TLS connections carry HTTP/1.1, which every client speaks too";
    Some(difference(tls.certificate.place, text))
}
