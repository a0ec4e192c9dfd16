//! The page of `error-document-404`: whether it is there, and whether its links work from the
//! address of any other page.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use memchr::memmem;

use crate::config::settings::{Mount, Origin, Vhost};
use crate::daemon::finding::{Finding, Severity};

/// Bytes of the page that are looked at.
const LOOK_BYTES_MAX: u64 = 64 << 10;

/// A path of the file system says more than one of a URL, so escapes are not decoded: a page with
/// such a name is not looked at.
pub(super) fn check(vhost: &Vhost, add: &mut dyn FnMut(Finding)) {
    let Some(page) = &vhost.error_document_404 else { return };
    let path = page.value.as_str();
    if path.starts_with('>') || path.contains(['%', '?', '#']) {
        return;
    }
    let warn = |message: String| Finding::new(Severity::Warning, message).at(page.place);
    let Some((mount, rest)) = mount_of(vhost, path) else {
        return add(warn(format!("no mount serves {path}: the short page is shown instead")));
    };
    let Origin::File(directory) = &mount.origin.value else {
        let message =
            format!("{path} is not a file of this vhost: the short page is shown instead");
        return add(warn(message));
    };
    if mount.basic_auth.is_some() {
        let message = format!("{path} needs a password: without one the short page is shown");
        return add(warn(message).hint("put the page into a mount without \"basic-auth\""));
    }
    let file = Path::new(directory).join(rest.trim_start_matches('/'));
    let mut text = Vec::new();
    let read = file.metadata().and_then(|found| match found.is_file() {
        true => File::open(&file)?.take(LOOK_BYTES_MAX).read_to_end(&mut text),
        false => Err(std::io::ErrorKind::NotFound.into()),
    });
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            add(warn(format!("{} does not exist: the short page is shown instead", file.display())))
        }
        Ok(_) if has_relative_links(&text) => {
            let message =
                "the page has relative links, which break at addresses in other directories";
            add(warn(message.to_owned())
                .hint("begin links with '/', or put <base href=\"/\"> into the head of the page"));
        }
        _ => {}
    }
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
    use crate::config::settings::SourceFile;
    use crate::config::{self, Options};

    #[test]
    fn a_page_that_most_clients_cannot_see_is_told() {
        for (page, wanted) in [
            ("/in/404.html", "/in/404.html needs a password: without one the short page is shown"),
            (
                "/to/404.html",
                "/to/404.html is not a file of this vhost: the short page is shown instead",
            ),
            ("/exact/404.html", "no mount serves /exact/404.html: the short page is shown instead"),
        ] {
            let text = format!(
                r#"{{ "vhosts": [{{ "port": 80, "error-document-404": "{page}", "mounts": [
                {{ "mountpoint": "/in", "origin": "file:///tmp", "basic-auth": "/u" }},
                {{ "mountpoint": "/to", "origin": ">https://x.test" }}] }}] }}"#
            );
            let file = SourceFile { path: "conf".to_owned(), text: text.into_bytes() };
            let settings = config::load_texts(vec![file], &Options::default()).settings;
            let mut found = Vec::new();
            check(&settings.vhosts[0], &mut |finding| found.push(finding.message));
            assert_eq!(found, [wanted]);
        }
    }

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
