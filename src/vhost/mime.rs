//! Media types by the suffix of a name.
//!
//! The first nineteen suffixes are lwsws' own, with its exact types, so that a configuration
//! that moves here sends what it always sent. No `charset` is added for the same reason: pages
//! and style sheets declare theirs. `text/markdown` is the exception, whose registration
//! (RFC 7763) demands the parameter.

/// A canned type. `packed` content is compressed already: no smaller copy lies beside it.
struct Row {
    suffix: &'static str,
    text: &'static str,
    packed: bool,
}

const fn row(suffix: &'static str, text: &'static str) -> Row {
    Row { suffix, text, packed: false }
}

const fn packed(suffix: &'static str, text: &'static str) -> Row {
    Row { suffix, text, packed: true }
}

/// Sorted by suffix; in lower case, without the dot.
const CANNED: &[Row] = &[
    packed("7z", "application/x-7z-compressed"),
    packed("aac", "audio/aac"),
    packed("apk", "application/vnd.android.package-archive"),
    row("atom", "application/atom+xml"),
    packed("avif", "image/avif"),
    row("bin", "application/octet-stream"),
    row("bmp", "image/bmp"),
    packed("br", "application/octet-stream"),
    packed("bz2", "application/x-bzip2"),
    row("conf", "text/plain"),
    row("css", "text/css"),
    row("csv", "text/csv"),
    packed("deb", "application/vnd.debian.binary-package"),
    packed("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    row("eot", "application/vnd.ms-fontobject"),
    packed("epub", "application/epub+zip"),
    packed("flac", "audio/flac"),
    row("geojson", "application/geo+json"),
    packed("gif", "image/gif"),
    packed("gz", "application/gzip"),
    packed("heic", "image/heic"),
    row("htm", "text/html"),
    row("html", "text/html"),
    row("ico", "image/x-icon"),
    row("ics", "text/calendar"),
    row("img", "application/octet-stream"),
    packed("ipk", "application/octet-stream"),
    row("iso", "application/octet-stream"),
    packed("jpeg", "image/jpeg"),
    packed("jpg", "image/jpeg"),
    row("js", "text/javascript"),
    row("json", "application/json"),
    row("jsonld", "application/ld+json"),
    packed("jxl", "image/jxl"),
    row("log", "text/plain"),
    row("m3u8", "application/vnd.apple.mpegurl"),
    packed("m4a", "audio/mp4"),
    packed("m4v", "video/mp4"),
    row("map", "application/json"),
    row("md", "text/markdown; charset=utf-8"),
    row("mid", "audio/midi"),
    row("mjs", "text/javascript"),
    packed("mkv", "video/matroska"),
    packed("mov", "video/quicktime"),
    packed("mp3", "audio/mpeg"),
    packed("mp4", "video/mp4"),
    row("mpd", "application/dash+xml"),
    packed("odt", "application/vnd.oasis.opendocument.text"),
    packed("oga", "audio/ogg"),
    packed("ogg", "audio/ogg"),
    packed("ogv", "video/ogg"),
    packed("opus", "audio/ogg"),
    row("otf", "application/font-woff"),
    row("pdf", "application/pdf"),
    packed("png", "image/png"),
    packed("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    packed("rar", "application/vnd.rar"),
    row("rss", "application/rss+xml"),
    row("svg", "image/svg+xml"),
    row("tar", "application/x-tar"),
    packed("tgz", "application/gzip"),
    row("tif", "image/tiff"),
    row("tiff", "image/tiff"),
    row("toml", "application/toml"),
    packed("ts", "video/mp2t"),
    row("ttf", "application/x-font-ttf"),
    row("txt", "text/plain"),
    row("vcf", "text/vcard"),
    row("vtt", "text/vtt"),
    row("wasm", "application/wasm"),
    row("wav", "audio/wav"),
    packed("weba", "audio/webm"),
    packed("webm", "video/webm"),
    row("webmanifest", "application/manifest+json"),
    packed("webp", "image/webp"),
    packed("woff", "application/font-woff"),
    packed("woff2", "application/font-woff2"),
    row("xhtml", "application/xhtml+xml"),
    packed("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    row("xml", "application/xml"),
    row("xsl", "application/xslt+xml"),
    packed("xz", "application/x-xz"),
    row("yaml", "application/yaml"),
    row("yml", "application/yaml"),
    packed("zip", "application/zip"),
    packed("zst", "application/zstd"),
];

/// Longest canned suffix, in bytes.
const SUFFIX_BYTES_MAX: usize = 11;

/// The type of a file; what it is called is [`MimeTable::text`]'s to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media(u16);

/// Numbers from here on are the mount's own types.
const OWN: u16 = 0x8000;
/// Most types that a mount may add.
pub const OWN_MAX: usize = 0x7fff;

/// The types that a mount knows: its own first, then the canned ones, then `"*"`.
#[derive(Debug, Clone, Default)]
pub struct MimeTable {
    own: Box<[(Box<str>, Box<str>)]>,
    any: Option<Media>,
}

impl MimeTable {
    /// Builds the table of a mount from its `extra-mimetypes`: (suffix with its dot, type).
    ///
    /// The suffix `*` takes every name that has no other type. Where two of the mount's own
    /// suffixes fit a name (`.gz`, `.tar.gz`), the longer one counts, of equal ones the first.
    /// What goes beyond [`OWN_MAX`] is ignored.
    #[must_use]
    pub fn new(extra: &[(String, String)]) -> Self {
        let own: Box<[_]> = extra
            .iter()
            .take(OWN_MAX)
            .map(|(suffix, text)| (Box::from(suffix.as_str()), Box::from(text.as_str())))
            .collect();
        let any = own.iter().position(|(suffix, _)| &**suffix == "*").and_then(own_media);
        Self { own, any }
    }

    /// The type of the file called `name` (a path or its last component), or `None` when its
    /// suffix is unknown and the file must not be served. Case does not count. Allocates nothing.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<Media> {
        self.find_own(name).or_else(|| find_canned(name)).or(self.any)
    }

    /// The text for `Content-Type`; `None` for a type that is to be sent without one.
    #[must_use]
    pub fn text(&self, media: Media) -> Option<&str> {
        let text = match media.0.checked_sub(OWN) {
            Some(own) => self.own.get(usize::from(own)).map(|(_, text)| &**text),
            None => CANNED.get(usize::from(media.0)).map(|row| row.text),
        };
        text.filter(|text| !text.is_empty())
    }

    /// Whether files of this type are compressed already.
    #[must_use]
    pub fn is_packed(&self, media: Media) -> bool {
        CANNED.get(usize::from(media.0)).is_some_and(|row| row.packed)
    }

    fn find_own(&self, name: &[u8]) -> Option<Media> {
        let mut best: Option<(usize, usize)> = None;
        for (at, (suffix, _)) in self.own.iter().enumerate() {
            let suffix = suffix.as_bytes();
            let fits = name
                .len()
                .checked_sub(suffix.len())
                .and_then(|from| name.get(from..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix));
            if fits && suffix != b"*" && best.is_none_or(|(_, len)| suffix.len() > len) {
                best = Some((at, suffix.len()));
            }
        }
        best.and_then(|(at, _)| own_media(at))
    }
}

fn own_media(at: usize) -> Option<Media> {
    u16::try_from(at).ok().filter(|&at| at < OWN).map(|at| Media(OWN | at))
}

fn find_canned(name: &[u8]) -> Option<Media> {
    let dot = memchr::memrchr(b'.', name)?;
    let suffix = name.get(dot + 1..)?;
    let mut lower = [0; SUFFIX_BYTES_MAX];
    let lower = lower.get_mut(..suffix.len())?;
    lower.copy_from_slice(suffix);
    lower.make_ascii_lowercase();
    let at = CANNED.binary_search_by(|row| row.suffix.as_bytes().cmp(lower)).ok()?;
    u16::try_from(at).ok().map(Media)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(extra: &[(&str, &str)]) -> MimeTable {
        let extra: Vec<_> = extra.iter().map(|&(s, t)| (s.to_owned(), t.to_owned())).collect();
        MimeTable::new(&extra)
    }

    fn text<'t>(table: &'t MimeTable, name: &str) -> Option<Option<&'t str>> {
        table.find(name.as_bytes()).map(|media| table.text(media))
    }

    #[test]
    fn the_canned_table_is_sorted_and_plain() {
        assert!(CANNED.windows(2).all(|w| w[0].suffix < w[1].suffix));
        let longest = CANNED.iter().map(|row| row.suffix.len()).max();
        assert_eq!(longest, Some(SUFFIX_BYTES_MAX));
        for row in CANNED {
            assert!(row.suffix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
            assert!(row.text.contains('/') && row.text.bytes().all(|b| (0x20..0x7f).contains(&b)));
        }
    }

    #[test]
    fn the_nineteen_of_lwsws_keep_their_types() {
        let table = table(&[]);
        for (names, wanted) in [
            ("html htm", "text/html"),
            ("js mjs", "text/javascript"),
            ("css", "text/css"),
            ("png", "image/png"),
            ("jpg jpeg", "image/jpeg"),
            ("ico", "image/x-icon"),
            ("gif", "image/gif"),
            ("svg", "image/svg+xml"),
            ("ttf", "application/x-font-ttf"),
            ("otf woff", "application/font-woff"),
            ("woff2", "application/font-woff2"),
            ("gz", "application/gzip"),
            ("txt", "text/plain"),
            ("xml", "application/xml"),
            ("json", "application/json"),
        ] {
            for suffix in names.split(' ') {
                assert_eq!(text(&table, &format!("/a/b.{suffix}")), Some(Some(wanted)));
            }
        }
    }

    #[test]
    fn unknown_suffixes_have_no_type() {
        let table = table(&[]);
        for name in ["", "README", "a.", "a.unknown", "html", "a.htmlx", "a.b/c", "a.html "] {
            assert_eq!(text(&table, name), None, "{name}");
        }
        assert_eq!(text(&table, "A.HTML"), Some(Some("text/html")));
        assert_eq!(text(&table, "a.b.Js"), Some(Some("text/javascript")));
        assert_eq!(text(&table, "site.webmanifest"), Some(Some("application/manifest+json")));
    }

    #[test]
    fn the_mounts_own_types_come_first_the_longest_first() {
        let table = table(&[
            (".html", "text/evil"),
            (".gz", "x/gz"),
            (".tar.gz", "x/targz"),
            (".gz", "x/other"),
            (".Doc", "x/doc"),
        ]);
        assert_eq!(text(&table, "a.html"), Some(Some("text/evil")));
        assert_eq!(text(&table, "a.gz"), Some(Some("x/gz")));
        assert_eq!(text(&table, "a.TAR.GZ"), Some(Some("x/targz")));
        assert_eq!(text(&table, "a.doc"), Some(Some("x/doc")));
        assert_eq!(text(&table, "a.css"), Some(Some("text/css")));
        assert_eq!(text(&table, "a.none"), None);
    }

    #[test]
    fn a_star_takes_the_rest_and_an_empty_type_is_not_sent() {
        let stars = table(&[("*", ""), (".x", ""), (".y", "a/y")]);
        assert_eq!(text(&stars, "a.unknown"), Some(None));
        assert_eq!(text(&stars, "README"), Some(None));
        assert_eq!(text(&stars, "a.x"), Some(None));
        assert_eq!(text(&stars, "a.y"), Some(Some("a/y")));
        assert_eq!(text(&stars, "a.css"), Some(Some("text/css")));
        assert_eq!(text(&table(&[("*", "a/b")]), "x"), Some(Some("a/b")));
    }

    #[test]
    fn only_canned_types_are_known_to_be_packed() {
        let table = table(&[(".png", "image/png")]);
        let is_packed = |name: &str| table.is_packed(table.find(name.as_bytes()).unwrap());
        assert!(is_packed("a.jpg") && is_packed("a.woff2"));
        assert!(!is_packed("a.png") && !is_packed("a.html"));
    }
}
