//! The trees of all files to settings: keys looked up, repetitions merged, levels descended.

use super::Options;
use super::diagnose::{Diagnostic, Report, Severity};
use super::draft::{MountDraft, VhostDraft};
use super::keys::{self, Feature, Key, Kind, Level, Merge, Slot, Status};
use super::settings::{Given, Later, Place, Settings, SourceFile, Typed};
use super::suggest;
use super::tls::Undecided;
use super::tree::{Data, Map, Member, Value};

/// Findings after which unknown keys get no suggestions, which take time.
pub(super) const SUGGESTIONS_MAX: usize = 200;

/// Keys that their objects cannot do without: one that is only misspelled is an error.
const REQUIRED: [&str; 4] = ["vhosts", "port", "mountpoint", "origin"];

/// A key that was given whose capability this version does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBuilt {
    /// The capability.
    pub feature: Feature,
    /// The key that asks for it.
    pub key: &'static str,
    /// Where.
    pub place: Place,
}

/// Reads trees; keeps what concerns several files.
pub(super) struct Reader<'f> {
    pub(super) files: &'f [SourceFile],
    pub(super) options: &'f Options,
    pub(super) report: Report,
    pub(super) settings: Settings,
    pub(super) unbuilt: Vec<NotBuilt>,
    /// Vhosts that the files give, right or wrong.
    pub(super) vhosts_seen: usize,
    /// What waits for the end of the last file.
    pub(super) undecided: Vec<Undecided>,
    global_seen: Seen,
}

/// The keys that an object has given so far, with the places of their values.
pub(super) type Seen = Vec<(&'static str, Place)>;

impl<'f> Reader<'f> {
    pub(super) fn new(files: &'f [SourceFile], options: &'f Options) -> Self {
        Self {
            files,
            options,
            report: Report::default(),
            settings: Settings::default(),
            unbuilt: Vec::new(),
            vhosts_seen: 0,
            undecided: Vec::new(),
            global_seen: Seen::new(),
        }
    }

    /// The outermost value of a file.
    pub(super) fn file(&mut self, value: &Value<'_>) {
        let Data::Map(map) = &value.data else {
            self.vhosts_seen += 1;
            if !matches!(value.data, Data::Broken) {
                let message = format!("a file holds an object, not {}", value.described());
                let example = "{ \"vhosts\": [{ \"port\": \"80\" }] }";
                self.report.push(Diagnostic::error(value.place, message).hint(example));
            }
            return;
        };
        let mut seen = Seen::new();
        for member in &map.members {
            let Some(key) = self.known(Level::Top, member, map, &mut seen) else { continue };
            match key.kind {
                Kind::Object(_) => self.global(key, &member.value),
                Kind::Objects(_) => {
                    for (map, place) in self.objects(key, &member.value) {
                        self.vhost(map, place);
                    }
                }
                _ => {
                    self.typed(key, &member.value);
                }
            }
        }
    }

    fn global(&mut self, key: &'static Key, value: &Value<'_>) {
        let map = match &value.data {
            Data::Map(map) => map,
            Data::Null | Data::Broken => return,
            _ => {
                let message = format!("must be an object, not {}", value.described());
                self.fault(key, value.place, super::check::Fault::new(message));
                return;
            }
        };
        let mut seen = std::mem::take(&mut self.global_seen);
        for member in &map.members {
            let Some(key) = self.known(Level::Global, member, map, &mut seen) else { continue };
            let Some(typed) = self.typed(key, &member.value) else { continue };
            let place = member.value.place;
            self.note(key, member, &typed, None);
            match key.slot {
                Slot::Global(set, _) => set(&mut self.settings.global, typed, place),
                Slot::Later => keep(&mut self.settings.global.later, key, typed, place),
                _ => {}
            }
        }
        self.global_seen = seen;
    }

    fn vhost(&mut self, map: &Map<'_>, place: Place) {
        self.vhosts_seen += 1;
        let number = self.settings.written.vhosts.len();
        if self.options.keep_written {
            let end = place.end.min(place.start.saturating_add(1));
            self.settings.written.vhosts.push(Place { end, ..place });
        }
        let mut draft = VhostDraft::default();
        let mut seen = Seen::new();
        for member in &map.members {
            let Some(key) = self.known(Level::Vhost, member, map, &mut seen) else { continue };
            if matches!(key.kind, Kind::Objects(_)) {
                for (map, place) in self.objects(key, &member.value) {
                    self.mount(&mut draft, map, place);
                }
                continue;
            }
            let Some(typed) = self.typed(key, &member.value) else { continue };
            let at = member.value.place;
            self.note(key, member, &typed, Some(number));
            match key.slot {
                Slot::Vhost(set, _) => set(&mut draft, typed, at),
                Slot::Later => keep(&mut draft.vhost.later, key, typed, at),
                _ => {}
            }
        }
        let given = |name: &str| seen.iter().any(|(key, _)| *key == name);
        let silent = map.damaged || given("port");
        draft.tls.excused = map.damaged || (given("host-ssl-cert") && given("host-ssl-key"));
        self.finish_vhost(draft, place, silent);
    }

    fn mount(&mut self, vhost: &mut VhostDraft, map: &Map<'_>, place: Place) {
        let mut draft = MountDraft::default();
        let mut seen = Seen::new();
        for member in &map.members {
            let Some(key) = self.known(Level::Mount, member, map, &mut seen) else { continue };
            let Some(typed) = self.typed(key, &member.value) else { continue };
            let at = member.value.place;
            self.note(key, member, &typed, self.settings.written.vhosts.len().checked_sub(1));
            match key.slot {
                Slot::Mount(set, _) => set(&mut draft, typed, at),
                Slot::Later => keep(&mut draft.mount.later, key, typed, at),
                _ => {}
            }
        }
        self.finish_mount(vhost, draft, place, map.damaged, &seen);
    }

    /// The objects of a list.
    fn objects<'v, 't>(
        &mut self,
        key: &'static Key,
        value: &'v Value<'t>,
    ) -> Vec<(&'v Map<'t>, Place)> {
        let mut maps = Vec::new();
        self.vhosts_seen += usize::from(!matches!(value.data, Data::List(_) | Data::Null));
        match &value.data {
            Data::List(items) => {
                for item in items {
                    match &item.data {
                        Data::Map(map) => maps.push((map, item.place)),
                        Data::Broken | Data::Null => {}
                        _ => {
                            self.vhosts_seen += 1;
                            let message = format!("must hold objects, not {}", item.described());
                            self.fault(key, item.place, super::check::Fault::new(message));
                        }
                    }
                }
            }
            Data::Map(_) => {
                let fault = super::check::Fault::new("must be a list of objects, not an object");
                let hint = format!("put it in brackets: \"{}\": [{{ … }}]", key.name);
                self.fault(key, value.place, fault.hint(hint));
            }
            Data::Broken | Data::Null => {}
            _ => {
                let message = format!("must be a list of objects, not {}", value.described());
                self.fault(key, value.place, super::check::Fault::new(message));
            }
        }
        maps
    }

    /// The key of a member, after what there is to say about its spelling and repetition. None
    /// where nothing is to be done with the value.
    fn known(
        &mut self,
        level: Level,
        member: &Member<'_>,
        map: &Map<'_>,
        seen: &mut Seen,
    ) -> Option<&'static Key> {
        let Some(key) = keys::find(level, &member.key) else {
            self.unknown(level, member, map, seen);
            return None;
        };
        if key.aliases.contains(&member.key.as_ref()) {
            let message = format!("\"{}\" is usually spelled \"{}\"", member.key, key.name);
            self.report.push(Diagnostic::note(member.key_place, message));
        }
        if let Status::NoEffect(reason) = key.status
            && !matches!(key.name, "$schema" | "init-ssl")
        {
            let message = format!("\"{}\" has no effect here: {reason}", member.key);
            self.report.push(Diagnostic::note(member.key_place, message));
        }
        if matches!(member.value.data, Data::Broken | Data::Null) {
            return Some(key);
        }
        let place = member.value.place;
        let Some(entry) = seen.iter_mut().find(|(name, _)| *name == key.name) else {
            seen.push((key.name, place));
            return Some(key);
        };
        let before = entry.1;
        if key.merge == Merge::Last {
            entry.1 = place;
        }
        let differs = self.source(before) != self.source(place) && !key.name.ends_with('*');
        match key.merge {
            Merge::Last if differs => self.lost(key, before, "is overridden", place),
            Merge::First if differs => {
                self.lost(key, place, "is ignored: the first one counts", before);
            }
            _ => {}
        }
        (key.merge != Merge::First).then_some(key)
    }

    fn lost(&mut self, key: &Key, lost: Place, why: &str, counts: Place) {
        let message = format!("\"{}\" is given twice; this one {why}", key.name);
        let warning = Diagnostic::warning(lost, message).related(counts, "this one counts");
        self.report.push(warning);
    }

    fn unknown(&mut self, level: Level, member: &Member<'_>, map: &Map<'_>, seen: &mut Seen) {
        const SHOWN: usize = 60;
        let name: String = member.key.chars().take(SHOWN).collect();
        self.settings.written.unknown.get_or_insert(member.key_place);
        let few = self.report.counts().total() < SUGGESTIONS_MAX;
        let meant = if few { suggest::for_key(level, &member.key) } else { None };
        let (key, hint) = match meant {
            Some(meant) => (meant.key, Some(meant.hint)),
            None if few => (None, None),
            None => (suggest::protecting(&member.key), None),
        };
        let mut severity = if self.options.strict { Severity::Error } else { Severity::Warning };
        if let Some(key) = key {
            // The right key may be there as well; else this one stands for it, so that its being
            // missing is not told a second time.
            let is_lost = !map.members.iter().any(|other| key.is_called(&other.key));
            if is_lost && key.level == level {
                seen.push((key.name, member.value.place));
                self.vhosts_seen += usize::from(key.name == "vhosts");
            }
            let is_needed = is_lost && key.level == level && REQUIRED.contains(&key.name);
            if key.protects || is_needed {
                severity = Severity::Error;
            }
        }
        let mut message = format!("unknown key \"{name}\" {}", level.phrase());
        if key.is_some_and(|key| key.protects) {
            message += " protects nothing";
        }
        self.report.push(Diagnostic::new(severity, member.key_place, message).maybe_hint(hint));
    }

    /// The bytes of a place.
    pub(super) fn source(&self, place: Place) -> &'f [u8] {
        let file = self.files.get(usize::from(place.file));
        let range = place.start as usize..place.end as usize;
        file.and_then(|f| f.text.get(range)).unwrap_or_default()
    }

    /// What has to be remembered of a good value beside the value itself.
    fn note(
        &mut self,
        key: &'static Key,
        member: &Member<'_>,
        typed: &Typed,
        vhost: Option<usize>,
    ) {
        let place = member.value.place;
        if let Status::NotYet(feature) = key.status
            && !typed.is_neutral()
        {
            self.unbuilt.push(NotBuilt { feature, key: key.name, place });
        }
        if self.options.keep_written {
            self.settings.written.keys.push(Given {
                level: key.level,
                key: key.name,
                spelling: member.key.clone().into_owned(),
                on: if let Typed::Flag(on) = typed { Some(*on) } else { None },
                vhost,
                place,
            });
        }
    }
}

/// Keeps the value of a capability that is not built yet, merged with an earlier one.
fn keep(later: &mut Vec<Later>, key: &'static Key, typed: Typed, place: Place) {
    let Some(kept) = later.iter_mut().find(|l| l.key == key.name) else {
        let value = match (key.merge, typed) {
            (Merge::All, Typed::Text(text)) => Typed::Texts(vec![text]),
            (_, typed) => typed,
        };
        later.push(Later { key: key.name, value, place });
        return;
    };
    kept.place = place;
    match (key.merge, &mut kept.value, typed) {
        (Merge::First, ..) => {}
        (Merge::Or, Typed::Number(bits), Typed::Number(more)) => *bits |= more,
        (Merge::All, Typed::Texts(list), Typed::Text(text)) => list.push(text),
        (Merge::All, Typed::Pairs(list), Typed::Pairs(more)) => list.extend(more),
        (Merge::All, Typed::Blocks(list), Typed::Blocks(more)) => list.extend(more),
        (Merge::All, Typed::Protocols(list), Typed::Protocols(more)) => list.extend(more),
        (_, value, typed) => *value = typed,
    }
}
