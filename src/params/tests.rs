#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use serde::Serialize;

use super::*;

fn encoded<T: Serialize + ?Sized>(value: &T) -> String {
    match Params::from_serialize(value) {
        Ok(params) => params.encode(),
        Err(error) => format!("error: {error}"),
    }
}

fn query(text: &str) -> Params {
    Params::from_serialize(text).unwrap()
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    NewestFirst,
    Above(u32),
}

#[derive(Serialize)]
struct Newtype(u8);

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Search<'a> {
    q: &'a str,
    page: Option<u32>,
    exact: bool,
    order: Order,
    ids: Vec<u64>,
    letter: char,
    score: f64,
    id: Newtype,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<u8>,
}

#[test]
fn pairs_maps_structs_and_strings_are_parameters() {
    assert_eq!(
        encoded(&[("a", "1"), ("b", "2"), ("a", "3")]),
        "a=1&b=2&a=3"
    );
    assert_eq!(encoded(&[("a", 1); 0]), "");
    assert_eq!(encoded(&vec![("a".to_owned(), 1.0)]), "a=1.0");
    assert_eq!(encoded(&(("a", 1), ("b", true))), "a=1&b=true");
    assert_eq!(encoded(&[["a", "1"], ["b", "2"]][..]), "a=1&b=2");
    assert_eq!(encoded(&BTreeMap::from([(2, "b"), (1, "a")])), "1=a&2=b");
    assert_eq!(
        encoded(&serde_json::json!({"a": [1, null, "x"], "b": -1.5})),
        "a=1&a=&a=x&b=-1.5"
    );
    assert_eq!(encoded("a=1&b=%C3%A9&&c=x+y&d"), "a=1&b=%C3%A9&c=x+y&d=");
    assert_eq!(encoded(""), "");
    assert_eq!(encoded(&()), "");
    assert_eq!(encoded(&None::<[(&str, u8); 1]>), "");
    assert_eq!(encoded(&Some([("a", 1)])), "a=1");
    assert_eq!(encoded(&Unit), "");
    let search = Search {
        q: "a b&c",
        page: None,
        exact: true,
        order: Order::NewestFirst,
        ids: vec![1, 2],
        letter: 'é',
        score: 0.5,
        id: Newtype(7),
        absent: None,
    };
    assert_eq!(
        encoded(&search),
        "q=a+b%26c&page=&exact=true&order=newest-first&ids=1&ids=2&letter=%C3%A9&score=0.5&id=7"
    );
}

#[test]
fn values_are_scalars_or_lists_of_them() {
    assert_eq!(encoded(&[("a", [1, 2]), ("b", [3, 4])]), "a=1&a=2&b=3&b=4");
    assert_eq!(encoded(&[("a", ("x", 2, true))]), "a=x&a=2&a=true");
    assert_eq!(encoded(&[("a", Vec::<u8>::new())]), "");
    assert_eq!(encoded(&[("a", Some(Some(1)))]), "a=1");
    assert_eq!(encoded(&[("a", ())]), "a=");
    assert_eq!(encoded(&[("a", Unit)]), "a=");
    assert_eq!(encoded(&[("a", i128::MIN)]), format!("a={}", i128::MIN));
    assert_eq!(encoded(&[("a", u64::MAX)]), "a=18446744073709551615");
    assert_eq!(encoded(&[(b'a', false)]), "97=false");
    assert_eq!(encoded(&[(Order::NewestFirst, 1)]), "newest-first=1");
}

#[test]
fn what_is_no_parameter_is_an_error_that_says_so() {
    let nested = BTreeMap::from([("outer", BTreeMap::from([("inner", 1)]))]);
    let table = [
        (encoded(&nested), "`outer`"),
        (encoded(&[("a", [[1]])]), "`a`"),
        (encoded(&[("a", Order::Above(1))]), "`a`"),
        (encoded(&[("a", Ok::<u8, u8>(1))]), "`a`"),
        (encoded(&5), "a number"),
        (encoded(&true), "a bool"),
        (encoded(&[1, 2]), "a pair"),
        (encoded(&["a", "b"]), "a pair"),
        (encoded(&[["a"]]), "a pair"),
        (encoded(&[("a", 1, 2)]), "a pair"),
        (encoded(&[((), 1)]), "the key"),
        (encoded(&[(["a"], 1)]), "the key"),
        (encoded(&Bytes(b"\xff")), "UTF-8"),
        (encoded(&[("a", Bytes(b"\xff"))]), "UTF-8"),
    ];
    for (error, part) in table {
        assert!(
            error.starts_with("error: ") && error.contains(part),
            "{error}"
        );
    }
    assert_eq!(encoded(&[("a", Bytes("é".as_bytes()))]), "a=%C3%A9");
}

struct Bytes(&'static [u8]);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[test]
fn only_unreserved_characters_stay() {
    let all: String = (0..=0x7f_u8).map(char::from).collect();
    let encoded = Params(vec![(all.clone(), "ÿ".to_owned())]).encode();
    let stay = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    let mut left = String::new();
    let mut rest = encoded.strip_suffix("=%C3%BF").unwrap().chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => drop((rest.next(), rest.next())),
            '+' => {}
            c => left.push(c),
        }
    }
    assert_eq!(left, stay);
    assert_eq!(query(&encoded).iter().next(), Some((all.as_str(), "ÿ")));
}

#[test]
fn later_values_of_a_key_take_the_place_of_all_earlier_ones() {
    let table = [
        ("", "", ""),
        ("a=1", "", "a=1"),
        ("", "a=1", "a=1"),
        ("a=1&b=2", "c=3", "a=1&b=2&c=3"),
        ("a=1&b=2&a=3", "a=9", "a=9&b=2"),
        ("a=1&b=2", "b=8&c=7&b=9", "a=1&b=8&b=9&c=7"),
        ("a=1&a=2", "", "a=1&a=2"),
    ];
    for (earlier, later, merged) in table {
        let mut params = query(earlier);
        params.merge(&query(later));
        assert_eq!(params.encode(), merged, "{earlier} with {later}");
    }
    let mut params = query("a=1");
    params.extend(query("a=2"));
    assert_eq!(params.encode(), "a=1&a=2");
}

#[test]
fn the_own_query_of_a_url_stays_as_written_where_nothing_replaces_it() {
    let table = [
        (None, "", "", None),
        (Some(""), "", "", Some("")),
        (
            Some("q=a%2fb+c%20d&&x&é=~%zz"),
            "",
            "",
            Some("q=a%2fb+c%20d&&x&é=~%zz"),
        ),
        (None, "a=1", "", Some("a=1")),
        (Some(""), "a=1", "", Some("a=1")),
        (Some("c=3"), "a=1", "b=2", Some("c=3&a=1&b=2")),
        (Some("q=a%2fb&x"), "a=1", "", Some("q=a%2fb&x&a=1")),
        (Some("q&"), "a=1", "", Some("q&a=1")),
        (Some("a=1&b=%2f&a=2"), "a=3", "", Some("a=3&b=%2f")),
        (Some("a=1&b=2"), "a=3", "a=4&a=5", Some("a=4&a=5&b=2")),
        (Some("%61=1&b=2"), "", "a=x y", Some("a=x+y&b=2")),
        (Some("a+b=1"), "", "a b=2", Some("a+b=2")),
        (None, "a=1&b=2", "a=3", Some("a=3&b=2")),
    ];
    for (own, client, request, merged) in table {
        let query = merge_query(own, &query(client), &query(request));
        assert_eq!(query.as_deref(), merged, "{own:?} {client} {request}");
    }
}

#[test]
fn many_parameters_merge_in_linear_time() {
    let many: Vec<_> = (0..100_000).map(|n| (n.to_string(), n)).collect();
    let mut params = Params::from_serialize(&many).unwrap();
    let later = params.clone();
    params.merge(&later);
    assert_eq!(params, later);
    assert_eq!(
        merge_query(Some(&params.encode()), &later, &later),
        Some(params.encode())
    );
}
