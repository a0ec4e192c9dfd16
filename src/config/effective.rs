//! `-T`: the settings as JSON, defaults included. What is written can be read again and means
//! the same.

use super::keys::{Level, Slot};
use super::settings::{Global, Later, Mount, Settings, Typed, Vhost};

/// A JSON string, written by serde-json-core.
pub(super) fn quoted(text: &str) -> String {
    // No character takes more than the six bytes of \u0000.
    let mut buffer = vec![0; text.len() * 6 + 2];
    let used = serde_json_core::to_slice(text, &mut buffer).unwrap_or(0);
    buffer.truncate(used);
    String::from_utf8(buffer).unwrap_or_default()
}

impl Settings {
    /// All effective values, defaults included, as pretty JSON that Kinglet reads again.
    #[must_use]
    pub fn effective_json(&self) -> String {
        let mut out = Writer::default();
        out.open(None, '{');
        out.open(Some("global"), '{');
        global(&mut out, &self.global);
        out.close('}');
        out.open(Some("vhosts"), '[');
        for host in &self.vhosts {
            out.open(None, '{');
            vhost(&mut out, host);
            out.open(Some("mounts"), '[');
            for m in &host.mounts {
                out.open(None, '{');
                mount(&mut out, m);
                out.close('}');
            }
            out.close(']');
            out.close('}');
        }
        out.close(']');
        out.close('}');
        out.text.push('\n');
        out.text
    }
}

fn global(out: &mut Writer, settings: &Global) {
    for key in Level::Global.keys() {
        if let Slot::Global(_, get) = key.slot
            && let Some(value) = get(settings)
        {
            out.value(key.name, &value);
        }
    }
    later(out, &settings.later);
}

fn vhost(out: &mut Writer, settings: &Vhost) {
    for key in Level::Vhost.keys() {
        if let Slot::Vhost(_, get) = key.slot
            && let Some(value) = get(settings)
        {
            out.value(key.name, &value);
        }
    }
    later(out, &settings.later);
}

fn mount(out: &mut Writer, settings: &Mount) {
    for key in Level::Mount.keys() {
        if let Slot::Mount(_, get) = key.slot
            && let Some(value) = get(settings)
        {
            out.value(key.name, &value);
        }
    }
    later(out, &settings.later);
}

fn later(out: &mut Writer, kept: &[Later]) {
    for one in kept {
        out.value(one.key, &one.value);
    }
}

/// Pretty JSON.
#[derive(Default)]
struct Writer {
    text: String,
    depth: usize,
    /// The innermost container has an element.
    filled: bool,
}

impl Writer {
    /// Begins an element.
    fn start(&mut self, name: Option<&str>) {
        if self.filled {
            self.text.push(',');
        }
        self.line();
        if let Some(name) = name {
            self.text.push_str(&quoted(name));
            self.text.push_str(": ");
        }
        self.filled = true;
    }

    fn line(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn open(&mut self, name: Option<&str>, bracket: char) {
        self.start(name);
        self.text.push(bracket);
        self.depth += 1;
        self.filled = false;
    }

    fn close(&mut self, bracket: char) {
        self.depth -= 1;
        if self.filled {
            self.line();
        }
        self.text.push(bracket);
        self.filled = true;
    }

    fn plain(&mut self, name: Option<&str>, json: &str) {
        self.start(name);
        self.text.push_str(json);
    }

    fn value(&mut self, name: &str, value: &Typed) {
        match value {
            Typed::Flag(on) => self.plain(Some(name), if *on { "true" } else { "false" }),
            Typed::Number(n) => self.plain(Some(name), &n.to_string()),
            Typed::Text(text) => self.plain(Some(name), &quoted(text)),
            Typed::Texts(texts) => {
                for text in texts {
                    self.plain(Some(name), &quoted(text));
                }
            }
            Typed::Pairs(pairs) => {
                self.open(Some(name), '[');
                self.pairs(None, pairs);
                self.close(']');
            }
            Typed::Blocks(blocks) => {
                self.open(Some(name), '[');
                for block in blocks {
                    let text = format!("{}/{}", block.network, block.prefix_bits);
                    self.plain(None, &quoted(&text));
                }
                self.close(']');
            }
            Typed::Protocols(protocols) => {
                self.open(Some(name), '[');
                self.open(None, '{');
                for protocol in protocols {
                    self.pairs(Some(&protocol.name), &protocol.options);
                }
                self.close('}');
                self.close(']');
            }
        }
    }

    fn pairs(&mut self, name: Option<&str>, pairs: &[(String, String)]) {
        self.open(name, '{');
        for (name, value) in pairs {
            self.plain(Some(name), &quoted(value));
        }
        self.close('}');
    }
}
