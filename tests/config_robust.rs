//! Whatever bytes a file has: no panic, bounded work, places within the file.

use kinglet::config::settings::SourceFile;
use kinglet::config::{FAULTS_MAX, Loaded, Options, load_texts, not_built, places_are_sound};

fn load(text: Vec<u8>) -> Loaded {
    let file = SourceFile { path: "conf".to_owned(), text };
    let loaded = load_texts(vec![file], &Options::default());
    assert!(places_are_sound(&loaded));
    loaded
}

/// xorshift64*: a seed gives the same run everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % below.max(1)
    }
}

const SEEDS: [&[u8]; 4] = [
    include_bytes!("../examples/lwsws/gateway/conf.d/weir.test"),
    include_bytes!("../examples/lwsws/static/conf.d/pond.test"),
    include_bytes!("../examples/lwsws/tls/conf.d/swan.test"),
    include_bytes!("../examples/lwsws/protected/conf"),
];

const PIECES: [&[u8]; 24] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"#",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"null",
    b"99999999999999999999",
    b"-1",
    b"_lws_ddir_",
    b"//",
    b"\xf0\x9f\x98\x80",
    b"\r",
    b"'",
    b"\xe2\x80\xae",
];

fn mutate(random: &mut Random, text: &mut Vec<u8>) {
    for _ in 0..=random.next(8) {
        let at = random.next(text.len() + 1);
        match random.next(5) {
            0 => text.truncate(at),
            1 => {
                let end = (at + random.next(40)).min(text.len());
                text.drain(at..end);
            }
            2 => {
                let end = (at + random.next(60)).min(text.len());
                let copy = text[at..end].to_vec();
                let to = random.next(text.len() + 1);
                text.splice(to..to, copy);
            }
            3 => {
                let piece = PIECES[random.next(PIECES.len())];
                text.splice(at..at, piece.iter().copied());
            }
            _ => {
                if let Some(byte) = text.get_mut(at) {
                    *byte = u8::try_from(random.next(256)).unwrap();
                }
            }
        }
    }
}

#[test]
fn mutated_files_never_panic_and_places_stay_inside() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000 {
        let mut text = SEEDS[round % SEEDS.len()].to_vec();
        mutate(&mut random, &mut text);
        let loaded = load(text);
        let shown = loaded.report.render(&loaded.settings.files, round % 2 == 0);
        assert!(shown.len() < 200_000);
        let escape = if round % 2 == 0 { '\u{85}' } else { '\x1b' };
        assert!(!shown.contains(['\0', '\u{202e}', escape]), "{round}");
        assert!(not_built(&loaded).len() <= 12);
        if !loaded.report.has_errors() {
            let again = load(loaded.settings.effective_json().into_bytes());
            assert!(!again.report.has_errors(), "{round}: {}", loaded.settings.effective_json());
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(42);
    for _ in 0..2000 {
        let len = random.next(200);
        let text: Vec<u8> =
            (0..len).flat_map(|_| PIECES[random.next(PIECES.len())].iter().copied()).collect();
        load(text);
    }
}

#[test]
fn every_truncation_is_reported() {
    let text = SEEDS[1];
    let whole = load(text.to_vec());
    assert!(!whole.report.has_errors());
    let last = text.iter().rposition(|&b| b == b'}').unwrap();
    for end in 0..=last {
        assert!(load(text[..end].to_vec()).report.has_errors(), "{end}");
    }
}

#[test]
fn huge_and_deep_files_end_well() {
    for byte in *b"[{\"\\#,:x\0\xff\n1" {
        let loaded = load(vec![byte; 1 << 20]);
        assert!(loaded.report.has_errors());
        assert!(loaded.report.diagnostics().len() <= FAULTS_MAX + 1);
    }
    assert!(load(vec![b' '; (1 << 20) + 1]).report.has_errors());
    let deep =
        [b"{ \"vhosts\": ".to_vec(), vec![b'['; 100_000], vec![b']'; 100_000], b"}".to_vec()];
    let loaded = load(deep.concat());
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert!(shown.contains("nested more than 16 deep"), "{shown}");
    assert!(shown.len() < 4000);
}

#[test]
fn a_big_valid_file_loads() {
    let mut text = b"{ \"vhosts\": [".to_vec();
    for port in 1..=4000 {
        let comma = if port > 1 { "," } else { "" };
        let vhost = format!(
            "{comma}\n{{ \"name\": \"host-{port}.test\", \"port\": {port}, \"mounts\": \
             [{{ \"mountpoint\": \"/\", \"origin\": \"file:///srv/{port}\" }}] }}"
        );
        text.extend(vhost.into_bytes());
    }
    text.extend(b"] }");
    let loaded = load(text);
    assert!(!loaded.report.has_errors(), "{:?}", loaded.report.diagnostics().first());
    assert_eq!(loaded.settings.vhosts.len(), 4000);
}

#[test]
fn many_findings_are_bounded() {
    let mut text = b"{ \"vhosts\": [{ \"port\": 80".to_vec();
    for n in 0..20_000 {
        text.extend(format!(", \"unknown-{n}\": 1").into_bytes());
    }
    text.extend(b"}] }");
    let loaded = load(text);
    assert_eq!(loaded.report.counts().warnings, 20_000);
    let shown = loaded.report.render(&loaded.settings.files, false);
    assert!(shown.contains("more\n") && shown.len() < 50_000);
}
