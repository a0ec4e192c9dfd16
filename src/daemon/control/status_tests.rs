//! Both forms of a status.

use super::*;

fn status() -> Status {
    let serving = Generation {
        number: 2,
        pid: Some(1240),
        state: State::Serving,
        age_secs: 300,
        counts: Some(Counts { connections: 12, accepted: 400, requests: 12_345_678_901 }),
        memory_bytes: Some(700 << 10),
        memory_bytes_max: 12 << 20,
    };
    let waiting = Listener {
        url: "http://eth1:80".into(),
        vhosts: "a, b".into(),
        waits_for: Some("eth1 has no address".into()),
    };
    Status {
        version: "1.2.3".into(),
        pid: 1234,
        age_secs: 93_784,
        config_dir: "/etc/kinglet".into(),
        memory_bytes: Some(312 << 10),
        generations: vec![
            Generation {
                number: 1,
                pid: None,
                state: State::Restarting,
                age_secs: 3725,
                counts: None,
                memory_bytes: None,
                memory_bytes_max: 0,
            },
            serving,
        ],
        listeners: vec![
            Listener { url: "https://[::]:443".into(), vhosts: "a".into(), waits_for: None },
            waiting,
        ],
        listeners_left_out: 0,
        last_reload: Some(LastReload {
            age_secs: 299,
            good: true,
            outcome: "generation 2 serves".into(),
        }),
    }
}

#[test]
fn people_get_a_table() {
    assert_eq!(
        status().text(),
        "\
kinglet 1.2.3 serves /etc/kinglet (process 1234, for 1 d 2 h)
supervisor: 312 KiB
last reload: 4 min 59 s ago, generation 2 serves

gen   pid  state             age  connections  accepted     requests  memory
  1     ?  restarting  1 h 2 min            ?         ?            ?  ?
  2  1240  serving     5 min 0 s           12       400  12345678901  700 KiB of 12.0 MiB

https://[::]:443 for a
http://eth1:80 for a, b: not open, eth1 has no address
"
    );
    let empty = Status { config_dir: "/a\n\u{1b}[2J".into(), ..Status::default() };
    let text = empty.text();
    assert!(text.starts_with("kinglet  serves /a\\n\\u{1b}[2J (process 0, for 0 s)\n\n"), "{text}");
    assert!(text.ends_with("\n\nno addresses\n"), "{text}");
    let failed =
        LastReload { good: false, outcome: "the configuration is wrong".into(), age_secs: 1 };
    let text = Status { last_reload: Some(failed), ..status() }.text();
    assert!(text.contains("last reload: 1 s ago, failed: the configuration is wrong\n"));
}

#[test]
fn programs_get_json() {
    assert_eq!(
        status().json(),
        "{\"version\":\"1.2.3\",\"pid\":1234,\"age_secs\":93784,\"config_dir\":\"/etc/kinglet\",\
         \"memory_bytes\":319488,\"generations\":[{\"number\":1,\"pid\":null,\
         \"state\":\"restarting\",\"age_secs\":3725,\"connections\":null,\"accepted\":null,\
         \"requests\":null,\"memory_bytes\":null,\"memory_bytes_max\":null},{\"number\":2,\
         \"pid\":1240,\"state\":\"serving\",\"age_secs\":300,\"connections\":12,\"accepted\":400,\
         \"requests\":12345678901,\"memory_bytes\":716800,\"memory_bytes_max\":12582912}],\
         \"listeners\":[{\"url\":\"https://[::]:443\",\"vhosts\":\"a\",\"open\":true,\
         \"waits_for\":null},{\"url\":\"http://eth1:80\",\"vhosts\":\"a, b\",\"open\":false,\
         \"waits_for\":\"eth1 has no address\"}],\"listeners_left_out\":0,\
         \"last_reload\":{\"age_secs\":299,\"good\":true,\
         \"outcome\":\"generation 2 serves\"}}\n"
    );
    let odd = Status { config_dir: "\"\\\n\u{1}\u{7f}\u{2028}é😀".into(), ..Status::default() };
    let json = odd.json();
    let expected = r#""config_dir":"\"\\\u000a\u0001\u007f\u2028é😀""#;
    assert!(json.contains(expected) && json.contains("\"last_reload\":null"), "{json}");
    assert!(json.contains("\"generations\":[],\"listeners\":[]"), "{json}");
}

#[test]
fn an_answer_is_whole_however_many_addresses_there_are() {
    let one = &status().listeners[1];
    let listeners = |count| Status { listeners: vec![one.clone(); count], ..status() };
    assert_eq!(listeners(9).answer(true), listeners(9).json());
    assert_eq!(listeners(9).answer(false), listeners(9).text());
    for count in [2_000, 5_000, 65_536] {
        let (json, text) = (listeners(count).answer(true), listeners(count).answer(false));
        for answer in [&json, &text] {
            assert!((ANSWER_BYTES_MAX / 2..=ANSWER_BYTES_MAX).contains(&answer.len()), "{count}");
        }
        assert!(json.ends_with("serves\"}}\n"), "{count}");
        let left_out = count - json.matches("eth1:80").count();
        assert!(json.contains(&format!("\"listeners_left_out\":{left_out},")), "{count}");
        let left_out = count - text.matches("eth1:80").count();
        assert!(text.ends_with(&format!("and {left_out} more\n")), "{count}");
    }
    // One that is too long alone.
    let long = Listener { vhosts: "x".repeat(ANSWER_BYTES_MAX), ..one.clone() };
    let json = Status { listeners: vec![long], ..status() }.answer(true);
    assert!(json.contains("\"listeners\":[],\"listeners_left_out\":1,"));
}

#[test]
fn ages_and_sizes_are_short() {
    for (secs, expected) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (u64::MAX, "213503982334601 d 7 h"),
    ] {
        assert_eq!(age(secs), expected);
    }
    for (bytes, expected) in [
        (0, "0 KiB"),
        (1, "1 KiB"),
        (9999 << 10, "9999 KiB"),
        (10_000 << 10, "9.7 MiB"),
        (u64::from(u32::MAX), "4096.0 MiB"),
    ] {
        assert_eq!(memory(bytes), expected);
    }
    assert!(!memory(u64::MAX).is_empty());
}
