//! Differences of where a configuration listens, and of how requests find their vhost and mount.

use super::{Case, Difference, Rule, difference};
use crate::config::keys::Level;
use crate::config::settings::{Families, ListenOn, Origin, Vhost};

pub(super) const SOCKETS: &[Rule] = &[socket_mode, v6_off, interface];
pub(super) const NAMES: &[Rule] = &[host_names, redirect_path, redirect_sign, slash, document_404];

fn socket_mode(case: &Case<'_>) -> Option<Difference> {
    let is_path = |vhost: &Vhost| match &vhost.listen_on.value {
        ListenOn::Unix(path) => !path.starts_with('@'),
        _ => false,
    };
    let bare = case.vhost(|vhost| is_path(vhost) && vhost.unix_access.is_none())?;
    let text = "a unix socket without \"unix-socket-perms\" has mode 0600, not 0660";
    let before = "\"unix-socket-perms\": \"root:root:0660\"";
    Some(difference(bare.listen_on.place, text).before(before))
}

fn v6_off(case: &Case<'_>) -> Option<Difference> {
    let off = case.settings.written.keys.iter().find(|given| {
        given.level == Level::Vhost && given.key == "ipv6only" && given.on == Some(false)
    })?;
    case.vhost(|vhost| {
        vhost.families == Families::V4Only && !matches!(vhost.listen_on.value, ListenOn::Unix(_))
    })?;
    let text = "\"ipv6only\": \"off\" means IPv4 alone; lwsws listened on both";
    Some(difference(off.place, text).before("leave the key out"))
}

fn interface(case: &Case<'_>) -> Option<Difference> {
    let bound = case.vhost(|vhost| match &vhost.listen_on.value {
        ListenOn::Nic(_) => true,
        ListenOn::Address(address, _) => !address.is_loopback() && !address.is_unspecified(),
        ListenOn::Any | ListenOn::Unix(_) => false,
    })?;
    let text = "\"interface\" is followed: an address is listened on as soon as it is there, and \
                no longer than that; lwsws looked every 30 s and then never again";
    Some(difference(bound.listen_on.place, text))
}

fn host_names(case: &Case<'_>) -> Option<Difference> {
    let vhosts = &case.settings.vhosts;
    let (_, second) = vhosts.iter().enumerate().find(|(at, vhost)| {
        vhosts.iter().take(*at).any(|other| {
            other.port.value == vhost.port.value && other.listen_on.value == vhost.listen_on.value
        })
    })?;
    let text = "a Host must be a vhost's whole name, in upper or lower case; lwsws took the \
                beginning of a name for it";
    Some(difference(second.name.place, text))
}

fn redirect_path(case: &Case<'_>) -> Option<Difference> {
    let bare = case.mounts().find(|mount| match &mount.origin.value {
        Origin::Redirect(target) => {
            let host = target.split_once("://").map_or(target.as_str(), |(_, host)| host);
            let host = host.strip_suffix('/').unwrap_or(host);
            mount.append_path.is_none() && !host.contains(['/', '?', '#'])
        }
        _ => false,
    })?;
    let text =
        "a redirect to a host keeps path and query; lwsws sent every client to its front page";
    Some(difference(bare.origin.place, text).before("\"append-path\": \"off\""))
}

fn redirect_sign(case: &Case<'_>) -> Option<Difference> {
    let mount = case.mounts().find(|mount| {
        matches!(mount.origin.value, Origin::Redirect(_)) && case.begins(mount.origin.place, b"^")
    })?;
    let text = "an origin with \"^\" is a redirect; lwsws took it for an error and stopped reading";
    Some(difference(mount.origin.place, text))
}

fn slash(case: &Case<'_>) -> Option<Difference> {
    let below = case.directory(|mount| mount.mountpoint.value != "/");
    let mount = below.or_else(|| case.directory(|_| true))?;
    let text = "a directory without its final slash is redirected to it with the query; lwsws \
                lost the query, and sent back any Host that it was given";
    Some(difference(mount.mountpoint.place, text))
}

fn document_404(case: &Case<'_>) -> Option<Difference> {
    let page = case.settings.vhosts.iter().filter_map(|vhost| vhost.error_document_404.as_ref());
    let page = page.into_iter().find(|page| !page.value.starts_with('>'))?;
    let text = "the page of \"error-document-404\" comes at once and with status 404; lwsws \
                redirected to it and it came with 200";
    let before = format!("\"error-document-404\": \">{}\"", page.value);
    Some(difference(page.place, text).before(before))
}
