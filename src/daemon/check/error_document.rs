//! The page of `error-document-404`: whether it is there, and whether its links work from the
//! address of any other page.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use memchr::memmem;

use super::machine::Actors;
use crate::config::settings::{Mount, Origin, Vhost};
use crate::daemon::finding::{Finding, Severity};
use crate::sys::access::{self, Refusal, Want};
use crate::vhost::mime::MimeTable;

/// Bytes of the page that are looked at.
const LOOK_BYTES_MAX: u64 = 64 << 10;

/// What is wrong with the page. A path of the file system says more than one of a URL, so escapes
/// are not decoded: a page with such a name is not looked at.
pub(super) fn check(vhost: &Vhost, actors: Actors<'_>, add: &mut dyn FnMut(Finding)) {
    let Some(page) = &vhost.error_document_404 else { return };
    let path = page.value.as_str();
    if path.starts_with('>') || path.contains(['%', '?', '#']) {
        return;
    }
    let warn = |message: String| Finding::new(Severity::Warning, message).at(page.place);
    let (message, hint) = match look(vhost, path, actors) {
        Ok(text) if has_relative_links(&text) => (
            "the page has relative links, which break at addresses in other directories".to_owned(),
            "begin links with '/', or put <base href=\"/\"> into the head of the page".to_owned(),
        ),
        Ok(_) => return,
        Err((why, hint)) => (format!("{why}: the short page is shown instead"), hint),
    };
    add(if hint.is_empty() { warn(message) } else { warn(message).hint(hint) });
}

/// The first bytes of the page at `path`; else why clients do not see it, and what helps.
fn look(vhost: &Vhost, path: &str, actors: Actors<'_>) -> Result<Vec<u8>, (String, String)> {
    let why = |why: String| (why, String::new());
    let (mount, rest) =
        mount_of(vhost, path).ok_or_else(|| why(format!("no mount serves {path}")))?;
    let Origin::File(directory) = &mount.origin.value else {
        return Err(why(format!("{path} is not a file of this vhost")));
    };
    if mount.basic_auth.is_some() {
        let hint = "put the page into a mount without \"basic-auth\"".to_owned();
        return Err((format!("{path} needs a password"), hint));
    }
    let mut file = Path::new(directory).join(rest.trim_start_matches('/'));
    if rest.ends_with('/') {
        file.push(&mount.default_document);
    }
    let shown = file.display();
    // Reached through the directory that was opened at start, read by the user who serves.
    let metadata = match access::check(&file, actors.starter, Want::Reach) {
        Ok(metadata) => metadata,
        Err(Refusal::Unknown(..)) => return Ok(Vec::new()),
        Err(_) => return Err(why(format!("{shown} does not exist"))),
    };
    if metadata.is_dir() {
        return Err((format!("{shown} is a directory"), format!("write \"{path}/\"")));
    }
    if !metadata.is_file() {
        return Err(why(format!("{shown} is not a regular file")));
    }
    if !actors.server.subject.may(&metadata, Want::Read) {
        let message = format!("user {} may not read {shown}", actors.server.user);
        return Err((message, format!("chmod o+r {shown}")));
    }
    if MimeTable::new(&mount.extra_mimetypes, None).find(file.as_os_str().as_bytes()).is_none() {
        let hint = "name its type in \"extra-mimetypes\"".to_owned();
        return Err((format!("the type of {shown} is unknown"), hint));
    }
    let mut text = Vec::new();
    let read = File::open(&file).and_then(|file| file.take(LOOK_BYTES_MAX).read_to_end(&mut text));
    Ok(read.map(|_| text).unwrap_or_default())
}

/// The mount of a path, and the path below it.
fn mount_of<'v, 'p>(vhost: &'v Vhost, path: &'p str) -> Option<(&'v Mount, &'p str)> {
    let below = |mount: &'v Mount| {
        let point = mount.mountpoint.value.trim_end_matches('/');
        let rest = path.strip_prefix(point).filter(|rest| rest.starts_with('/'))?;
        (!mount.exact_match).then_some((mount, rest))
    };
    vhost.mounts.iter().filter_map(below).min_by_key(|(_, rest)| rest.len())
}

/// Whether a page without `<base>` has a `href` or `src` that depends on the address of the page.
fn has_relative_links(html: &[u8]) -> bool {
    let html = html.to_ascii_lowercase();
    let is_relative = |at: usize| {
        let value = html.get(at..).unwrap_or_default().trim_ascii_start();
        let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
        let end = value.iter().position(|byte| b"\"'<> /?#:".contains(byte));
        // A segment that begins the value, and no scheme, slash, query or fragment.
        end.is_some_and(|end| end > 0 && !value.get(end..).unwrap_or_default().starts_with(b":"))
    };
    let links = |attribute: &str| {
        let at = memmem::find_iter(&html, attribute).map(|at| at + attribute.len());
        at.collect::<Vec<_>>().into_iter().any(is_relative)
    };
    memmem::find(&html, b"<base").is_none() && (links("href=") || links("src="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_are_found() {
        for page in [
            r#"<link href="style.css">"#,
            "<img SRC=a/b.png>",
            "<a href='./x'>",
            "<a href = \"/x\"><a href=\"../\">",
        ] {
            assert!(has_relative_links(page.as_bytes()), "{page}");
        }
        for page in [
            "",
            r##"<a href="/x"><a href="#top"><a href="?q"><a href="">"##,
            r#"<a href="https://x.test/"><a href="mailto:a@b"><img src="data:,">"#,
            r#"<base href="/"><link href="style.css">"#,
            "href=",
        ] {
            assert!(!has_relative_links(page.as_bytes()), "{page}");
        }
    }
}
