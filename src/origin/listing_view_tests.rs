//! Tests of the order of rows, and of what a query says.

use super::*;

fn row(name: &[u8], is_directory: bool, size: u64, mtime_secs: i64) -> Row {
    Row { name: name.into(), is_directory, is_refused: false, size, mtime_secs }
}

#[test]
fn rows_are_sorted_as_the_query_says() {
    let rows = [
        row(b"b", false, 5, 50),
        row(b"A", false, 9, 10),
        row(b"a", false, 5, 30),
        row(b"z", true, 1, 20),
        row(b"C", false, 0, 40),
        row(b"Y", true, 7, 60),
    ];
    for (query, wanted) in [
        (None, "YzAabC"),
        (Some("sort=name"), "YzAabC"),
        (Some("sort=name&order=desc"), "zYCbaA"),
        (Some("sort=size"), "YzCabA"),
        (Some("order=desc&sort=size"), "YzAabC"),
        (Some("sort=time"), "zYAaCb"),
        (Some("x&sort=time&order=desc&y=z"), "YzbCaA"),
        (Some("sort=nothing&order=desc"), "zYCbaA"),
        (Some("sort=time%20&order=ascending"), "YzAabC"),
        (Some("SORT=size"), "YzAabC"),
        (Some(""), "YzAabC"),
        (Some("&&=&sort"), "YzAabC"),
    ] {
        let view = View::of(query.map(str::as_bytes));
        let mut rows = rows.clone();
        rows.sort_by(|a, b| view.compare(a, b));
        let names: String = rows.iter().map(|row| row.name[0] as char).collect();
        assert_eq!(names, wanted, "{query:?}");
        let is_default =
            query.is_none_or(|query| !query.contains("sort=t") && !query.contains("e="));
        assert!(view.beside.is_none() || !is_default);
    }
}

#[test]
fn the_row_beside_a_page_is_what_the_query_says() {
    let of = |query: &str| View::of(Some(query.as_bytes())).beside;
    let found = of("sort=size&after=a%20%26%20b.txt&at=1536");
    assert_eq!(found, Some((Side::After, row(b"a & b.txt", false, 1536, 1536))));
    assert_eq!(of("before=sub%FF/"), Some((Side::Before, row(b"sub\xff", true, 0, 0))));
    assert_eq!(of("before=x&at=-7"), Some((Side::Before, row(b"x", false, 0, -7))));
    assert_eq!(of("at=junk&after=x"), Some((Side::After, row(b"x", false, 0, 0))));
    for query in ["after=", "after=/", "after", "after=%", "after=%00", "after=..", "after=a%0ab"] {
        assert_eq!(of(query), None, "{query}");
    }
    assert_eq!(of(&format!("after={}", "n".repeat(256))), None);
    assert!(of(&format!("after={}", "n".repeat(255))).is_some());
}
