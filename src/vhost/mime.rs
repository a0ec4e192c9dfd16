//! Media types by the suffix of a name.
//!
//! The first nineteen suffixes are lwsws' own, with its exact types, so that a configuration
//! that moves here sends what it always sent. Texts have the mount's `charset` behind that, without
//! which a browser takes UTF-8 for something older; the caller says where the bytes of a file
//! declare another one. JSON has it too: RFC 8259 knows no such parameter and is always UTF-8, so
//! it changes nothing for programs, and some browsers show the text wrongly without it.

/// A canned type. `packed` content is compressed already: no smaller copy lies beside it.
struct Row {
    suffix: &'static str,
    /// The type; with [`UTF_8`] behind it if it is one of a text.
    text: &'static str,
    /// Bytes of the type alone.
    bare: usize,
    packed: bool,
}

/// The `charset` that canned types have.
const UTF_8: &str = "utf-8";

const fn row(suffix: &'static str, text: &'static str) -> Row {
    Row { suffix, text, bare: text.len(), packed: false }
}

const fn packed(suffix: &'static str, text: &'static str) -> Row {
    Row { packed: true, ..row(suffix, text) }
}

/// The row of a text.
macro_rules! text {
    ($suffix:literal, $text:literal) => {
        Row { bare: $text.len(), ..row($suffix, concat!($text, "; charset=utf-8")) }
    };
}

/// Sorted by suffix; in lower case, without the dot.
const CANNED: &[Row] = &[
    packed("7z", "application/x-7z-compressed"),
    packed("aac", "audio/aac"),
    packed("apk", "application/vnd.android.package-archive"),
    text!("atom", "application/atom+xml"),
    packed("avif", "image/avif"),
    row("bin", "application/octet-stream"),
    row("bmp", "image/bmp"),
    packed("br", "application/octet-stream"),
    packed("bz2", "application/x-bzip2"),
    text!("conf", "text/plain"),
    text!("css", "text/css"),
    text!("csv", "text/csv"),
    packed("deb", "application/vnd.debian.binary-package"),
    packed("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    row("eot", "application/vnd.ms-fontobject"),
    packed("epub", "application/epub+zip"),
    packed("flac", "audio/flac"),
    text!("geojson", "application/geo+json"),
    packed("gif", "image/gif"),
    packed("gz", "application/gzip"),
    packed("heic", "image/heic"),
    text!("htm", "text/html"),
    text!("html", "text/html"),
    row("ico", "image/x-icon"),
    text!("ics", "text/calendar"),
    row("img", "application/octet-stream"),
    packed("ipk", "application/octet-stream"),
    row("iso", "application/octet-stream"),
    packed("jpeg", "image/jpeg"),
    packed("jpg", "image/jpeg"),
    text!("js", "text/javascript"),
    text!("json", "application/json"),
    text!("jsonld", "application/ld+json"),
    packed("jxl", "image/jxl"),
    text!("log", "text/plain"),
    row("m3u8", "application/vnd.apple.mpegurl"),
    packed("m4a", "audio/mp4"),
    packed("m4v", "video/mp4"),
    text!("map", "application/json"),
    text!("md", "text/markdown"),
    row("mid", "audio/midi"),
    text!("mjs", "text/javascript"),
    packed("mkv", "video/matroska"),
    packed("mov", "video/quicktime"),
    packed("mp3", "audio/mpeg"),
    packed("mp4", "video/mp4"),
    text!("mpd", "application/dash+xml"),
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
    text!("rss", "application/rss+xml"),
    text!("svg", "image/svg+xml"),
    row("tar", "application/x-tar"),
    packed("tgz", "application/gzip"),
    row("tif", "image/tiff"),
    row("tiff", "image/tiff"),
    row("toml", "application/toml"),
    packed("ts", "video/mp2t"),
    row("ttf", "application/x-font-ttf"),
    text!("txt", "text/plain"),
    text!("vcf", "text/vcard"),
    text!("vtt", "text/vtt"),
    row("wasm", "application/wasm"),
    row("wav", "audio/wav"),
    packed("weba", "audio/webm"),
    packed("webm", "video/webm"),
    text!("webmanifest", "application/manifest+json"),
    packed("webp", "image/webp"),
    packed("woff", "application/font-woff"),
    packed("woff2", "application/font-woff2"),
    text!("xhtml", "application/xhtml+xml"),
    packed("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    text!("xml", "application/xml"),
    text!("xsl", "application/xslt+xml"),
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

impl Media {
    /// The same type without its charset, for a file whose bytes say another one.
    #[must_use]
    pub fn bare(self) -> Self {
        Self(self.0 | BARE)
    }

    fn number(self) -> usize {
        usize::from(self.0 & !(OWN | BARE))
    }
}

/// The bit of the mount's own types.
const OWN: u16 = 0x8000;
/// The bit of types that are sent without a charset.
const BARE: u16 = 0x4000;
/// Most types that a mount may add.
pub const OWN_MAX: usize = 0x3fff;

/// A type of the mount.
#[derive(Debug, Clone)]
struct Own {
    suffix: Box<str>,
    /// The type, with its charset if it is one of a text.
    text: Box<str>,
    /// Bytes of the type alone.
    bare: usize,
}

/// The types that a mount knows: its own first, then the canned ones, then `"*"`.
#[derive(Debug, Clone, Default)]
pub struct MimeTable {
    own: Box<[Own]>,
    any: Option<Media>,
    charset: Option<Box<str>>,
}

impl MimeTable {
    /// Builds the table of a mount from its `extra-mimetypes`, (suffix with its dot, type), and
    /// its `charset`; without one no type gets any.
    ///
    /// The suffix `*` takes every name that has no other type. Where two of the mount's own
    /// suffixes fit a name (`.gz`, `.tar.gz`), the longer one counts, of equal ones the first.
    /// What goes beyond [`OWN_MAX`] is ignored.
    #[must_use]
    pub fn new(extra: &[(String, String)], charset: Option<&str>) -> Self {
        let extra = extra.iter().map(|(suffix, text)| Own::new(suffix, text, charset));
        // Canned texts have UTF-8; with another charset they become types of the mount. JSON
        // is UTF-8 everywhere.
        let other = charset.filter(|charset| !charset.eq_ignore_ascii_case(UTF_8));
        let is_text = |row: &&Row| row.bare < row.text.len() && !is_json(&row.text[..row.bare]);
        let canned = CANNED.iter().filter(|row| other.is_some() && is_text(row));
        let canned =
            canned.map(|row| Own::new(&format!(".{}", row.suffix), &row.text[..row.bare], charset));
        let own: Box<[Own]> = extra.chain(canned).take(OWN_MAX).collect();
        let any = own.iter().position(|own| &*own.suffix == "*").and_then(own_media);
        Self { own, any, charset: charset.map(Into::into) }
    }

    /// The type of the file called `name` (a path or its last component), or `None` when its
    /// suffix is unknown and the file must not be served. Case does not count. Allocates nothing.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<Media> {
        let media = self.find_own(name).or_else(|| find_canned(name)).or(self.any)?;
        Some(if self.charset.is_none() { media.bare() } else { media })
    }

    /// The text for `Content-Type`; `None` for a type that is to be sent without one.
    #[must_use]
    pub fn text(&self, media: Media) -> Option<&str> {
        let (text, bare) = self.named(media)?;
        let text = if media.0 & BARE == 0 { text } else { text.get(..bare)? };
        (!text.is_empty()).then_some(text)
    }

    /// The type of a text that is to be sent with a charset, and that charset.
    #[must_use]
    pub fn charset(&self, media: Media) -> Option<(&str, &str)> {
        let (text, bare) = self.named(media)?;
        let said = media.0 & BARE == 0 && bare < text.len();
        let (text, _) = text.split_at_checked(bare).filter(|_| said)?;
        Some((text, if is_json(text) { UTF_8 } else { self.charset.as_deref()? }))
    }

    /// The whole text of a type, and how long the type alone is.
    fn named(&self, media: Media) -> Option<(&str, usize)> {
        let number = media.number();
        if media.0 & OWN == 0 {
            CANNED.get(number).map(|row| (row.text, row.bare))
        } else {
            self.own.get(number).map(|own| (&*own.text, own.bare))
        }
    }

    /// Whether files of this type are compressed already.
    #[must_use]
    pub fn is_packed(&self, media: Media) -> bool {
        media.0 & OWN == 0 && CANNED.get(media.number()).is_some_and(|row| row.packed)
    }

    fn find_own(&self, name: &[u8]) -> Option<Media> {
        let mut best: Option<(usize, usize)> = None;
        for (at, own) in self.own.iter().enumerate() {
            let suffix = own.suffix.as_bytes();
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

impl Own {
    fn new(suffix: &str, text: &str, charset: Option<&str>) -> Self {
        let charset = charset
            .filter(|_| is_text(text))
            .map(|charset| if is_json(text) { UTF_8 } else { charset });
        let whole = match charset {
            Some(charset) => format!("{text}; charset={charset}"),
            None => text.to_owned(),
        };
        Self { suffix: suffix.into(), text: whole.into(), bare: text.len() }
    }
}

/// Whether a type may carry a charset; one with parameters of its own says what it wants.
fn is_text(text: &str) -> bool {
    let is_xml = text.ends_with("+xml") || text == "application/xml";
    !text.contains(';') && (text.starts_with("text/") || is_xml || is_json(text))
}

fn is_json(text: &str) -> bool {
    text.ends_with("+json") || text == "application/json"
}

fn own_media(at: usize) -> Option<Media> {
    u16::try_from(at).ok().filter(|&at| at < BARE).map(|at| Media(OWN | at))
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
#[path = "mime_tests.rs"]
mod tests;
