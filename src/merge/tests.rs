use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

#[track_caller]
fn check(stored: &str, patch: &str, merged: &str) {
    assert_eq!(merge(stored, patch, Known::Text).unwrap().0, merged);
}

#[test]
fn objects_recurse_and_everything_else_replaces() {
    check(r#"{"a":{"x":1,"y":[1,2]},"b":2}"#, r#"{"a":{"y":[3]}}"#, r#"{"a":{"x":1,"y":[3]},"b":2}"#);
    check(r#"{"a":{"x":1}}"#, r#"{"a":null}"#, r#"{"a":null}"#);
    check(r#"{"a":{"x":1}}"#, r#"{"a":7}"#, r#"{"a":7}"#);
    check(r#"{"a":7}"#, r#"{"a":{"x":null}}"#, r#"{"a":{"x":null}}"#);
    check("{}", r#"{"b":1,"a":2}"#, r#"{"b":1,"a":2}"#);
    check(r#"{"z":1,"a":2}"#, r#"{"m":3,"a":4}"#, r#"{"z":1,"a":4,"m":3}"#);
}

#[test]
fn untouched_values_keep_their_bytes() {
    check(
        r#"{"n":0.10000000000000000000001,"big":123456789012345678901234567890,"s":"\u00e9","o":{ "k" : 1e2 }}"#,
        r#"{"new":1.50}"#,
        r#"{"n":0.10000000000000000000001,"big":123456789012345678901234567890,"s":"\u00e9","o":{ "k" : 1e2 },"new":1.50}"#,
    );
    let spaced = " {\n \"a\" : 1 }\n";
    check(spaced, " { } ", spaced);
    check(
        r#"{"in":{"big":123456789012345678901234567890,"cut":"\ud83c","nul":"\u0000","c":1}}"#,
        r#"{"in":{"c":2}}"#,
        r#"{"in":{"big":123456789012345678901234567890,"cut":"\ud83c","nul":"\u0000","c":2}}"#,
    );
}

#[test]
fn keys_are_compared_by_what_they_spell_and_keep_their_spelling() {
    check(r#"{"\u00e9":1}"#, r#"{"é":2}"#, r#"{"\u00e9":2}"#);
    // But a word that changes is spelled as it is: SQLite would find it in some versions only.
    check(r#"{"z":0,"\u0061":1,"b":{"\u0061":1}}"#, r#"{"a":2}"#, r#"{"z":0,"a":2,"b":{"\u0061":1}}"#);
    check(r#"{"\u0061":{"\u0062":1}}"#, r#"{"a":{"b":2}}"#, r#"{"a":{"\u0062":2}}"#);
    check(r#"{"\u0061":1,"b":1}"#, r#"{"a":1,"b":2}"#, r#"{"\u0061":1,"b":2}"#);
    check(r#"{"q\"\\\n":1}"#, r#"{"b":2}"#, r#"{"q\"\\\n":1,"b":2}"#);
    check(r#"{"\ud800":1,"\udc00":2}"#, r#"{"\uDC00":3}"#, r#"{"\ud800":1,"\udc00":3}"#);
    check(r#"{"\ud83c":1}"#, "{\"\u{fffd}\":2}", "{\"\\ud83c\":1,\"\u{fffd}\":2}");
    check(r#"{"\ud83d\ude00":1}"#, r#"{"😀":2}"#, r#"{"\ud83d\ude00":2}"#);
}

/// Who read a value and sends it back means to change nothing: neither digits that no reader sees nor a surrogate.
#[test]
fn what_was_read_and_comes_back_changes_nothing() {
    let stored = r#"{"big":123456789012345678901234567890,"more":0.10000000000000000000001,"far":1e999,"cut":"a\ud83c","in":[{"x":9007199254740993,"y":18446744073709551616}]}"#;
    let read = serde_json::to_string(&json::parse_object(stored).unwrap()).unwrap();
    let javascript = "{\"big\":1.2345678901234568e+29,\"cut\":\"a\u{fffd}\"}";
    for patch in [read.as_str(), javascript] {
        assert_eq!(merge(stored, patch, Known::Read).unwrap(), (stored.to_owned(), Vec::new()), "{patch}");
        let (merged, changed) = merge(stored, patch, Known::Text).unwrap();
        assert!(merged != stored && changed.len() >= 2, "who sees the text means what it says: {merged}");
    }
    // What any other value says is meant.
    for (patch, key) in [(r#"{"big":1.2345678901234567e29}"#, "big"), (r#"{"cut":"a"}"#, "cut"), (r#"{"in":[]}"#, "in")]
    {
        assert_eq!(merge(stored, patch, Known::Read).unwrap().1, [key], "{patch}");
    }
}

/// Two texts of which a reader sees the same are two values all the same.
#[test]
fn a_change_that_no_reader_sees_is_one() {
    for (old, new) in [
        ("123456789012345678901", "123456789012345678902"),
        ("0.1", "0.10000000000000000000001"),
        ("1", "1.0"),
        (r#""\ud800""#, r#""\ud801""#),
        (r#""\ud800""#, "\"\u{fffd}\""),
        ("1e999", "2e999"),
    ] {
        let object = |value: &str| format!(r#"{{"a":{{"b":[{value}]}}}}"#);
        assert_eq!(changed_keys(&object(old), &object(new)).unwrap(), ["a"], "{old} {new}");
    }
    for (old, new) in [("1.50", "1.5"), ("1e2", "100.0"), (r#""\u00e9""#, r#""é""#), (r#""\uD800""#, r#""\ud800""#)] {
        let object = |value: &str| format!(r#"{{"a":{{"b":[{value}]}}}}"#);
        assert!(changed_keys(&object(old), &object(new)).unwrap().is_empty(), "{old} {new}");
    }
}

/// What an older program left is no reason to refuse what is new.
#[test]
fn only_what_changes_is_checked() {
    let deep = nested(200);
    let odd = deep.replacen(r#"{"a":"#, r#"{"twice":{"k":1,"k":2},"a":"#, 1);
    let ended = odd.replacen('{', r#"{"model":"x","#, 1);
    assert_eq!(check_object(&ended), Err(MergeError::RepeatedKey("k".to_owned())));
    check_change(&odd, &ended).unwrap();
    assert_eq!(check_change("{}", &ended), Err(MergeError::RepeatedKey("k".to_owned())));
    assert_eq!(check_change(&deep, &deep.replace('1', "2")), Err(MergeError::TooDeep));
    assert_eq!(
        check_change(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
        Err(MergeError::RepeatedKey("a".to_owned())),
        "which of the two would be the one that stays?"
    );
    assert_eq!(check_change("broken", "{}"), Ok(()));
    assert_eq!(check_change("{}", "[]"), Err(MergeError::NotAnObject));
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    check(r#"{"a":1,"a":2,"b":3}"#, r#"{"c":1}"#, r#"{"a":2,"b":3,"c":1}"#);
    check(r#"{"a":0}"#, r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
}

#[test]
fn objects_with_many_keys_merge_alike() {
    let many = |value: u64| {
        Value::Object((0..100).map(|n| (format!("k{n}"), json!(n * value))).collect::<Map<_, _>>()).to_string()
    };
    check(&many(1), &many(2), &many(2));
    assert_eq!(changed_keys(&many(1), &many(2)).unwrap().len(), 99, "0 stays 0");
}

fn nested(levels: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
}

/// What `json_extract` answers depends on SQLite's version where a key is spelled with an escape; this does not.
#[test]
fn a_key_is_the_same_in_two_texts_or_it_is_not() {
    for (one, other, same) in [
        ("{}", "{}", true),
        ("{}", r#"{"k":null}"#, true),
        (r#"{"k":{"a":1,"b":[1]}}"#, r#"{"x":1,"k" : {"b":[ 1 ],"a":1}}"#, true),
        (r#"{"\u006b":1}"#, r#"{"k":1}"#, true),
        (r#"{"\u006b":1}"#, "{}", false),
        (r#"{"\u006b":1}"#, r#"{"k":2}"#, false),
        (r#"{"k":{"\u0061":1}}"#, r#"{"k":{"a":1}}"#, false),
        (r#"{"k":"\u0061"}"#, r#"{"k":"a"}"#, true),
        (r#"{"k":"{}"}"#, r#"{"k":{}}"#, false),
        (r#"{"k":1,"k":1}"#, r#"{"k":1}"#, false),
        (r#"{"k":1,"\u006b":1}"#, r#"{"k":1}"#, false),
        (r#"{"a":1,"a":1,"k":1}"#, r#"{"k":1}"#, true),
        (r#"{"k":1}"#, "[1]", false),
        ("", "", false),
        ("no JSON", "no JSON", false),
    ] {
        assert_eq!(same_key(one, other, "k"), same, "{one} {other}");
        assert_eq!(same_key(other, one, "k"), same, "{other} {one}");
    }
}

#[test]
fn a_word_is_spelled_plainly_and_all_else_keeps_its_bytes() {
    for (text, plain) in [
        (
            r#"{"\u0061":[ "\u0061" ], "b c":1,"d\u0020":{"\u0061":1},"\ud83c":2}"#,
            Some(r#"{"a":[ "\u0061" ],"b c":1,"d\u0020":{"\u0061":1},"\ud83c":2}"#),
        ),
        (r#"{"a":1,"\u0061":2}"#, Some(r#"{"a":2}"#)),
        (r#"{"\u0061":1,"a":2}"#, Some(r#"{"a":2}"#)),
        (r#"{"a":1,"a":2,"\u00e9":3}"#, None),
        (r#"{"a":{"\u0061":1},"\/":1}"#, None),
        (r#"["\u0061"]"#, None),
        (r#"{"\u0061":1"#, None),
    ] {
        assert_eq!(undisguised(text).as_deref(), plain, "{text}");
    }
}

fn nested_array(levels: usize) -> String {
    format!(r#"{{"a":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn refusals_say_why() {
    let cases = [
        ("[1]", "not an object"),
        ("null", "not an object"),
        (r#""secret""#, "not an object"),
        ("", "not JSON: a value is missing at byte 0"),
        ("{} {}", "not JSON: trailing characters at byte 3"),
        (r#"{"a":01}"#, "not JSON: a comma or a closing bracket is missing at byte 6"),
        (r#"{"a":"\ud80"}"#, "not JSON: an unknown escape at byte 6"),
        ("{\"a\":\"\0\"}", "not JSON: a control character in a string at byte 6"),
        (r#"{"a":NaN}"#, "not JSON: a value is missing at byte 5"),
        (r#"{"a":1}\0"#, "not JSON: trailing characters at byte 7"),
        (r#"{"\ud800":1,"b":2,"\uD800":3}"#, r"repeated key `\ud800`"),
        (r#"{"a":1,"b":2,"a":3}"#, "repeated key `a`"),
        (r#"{"a":1,"\u0061":3}"#, "repeated key `a`"),
        (r#"{"l":[1,{"k":1,"k":1}]}"#, "repeated key `k`"),
        (&nested(128), "nested deeper than 127 levels"),
        (&nested(100_000), "nested deeper than 127 levels"),
        (&nested_array(127), "nested deeper than 127 levels"),
    ];
    for (text, why) in cases {
        assert_eq!(check_object(text).unwrap_err().to_string(), why, "{text:.80}");
    }
    assert_eq!(merge(&nested(128), &nested(128), Known::Text), Err(MergeError::TooDeep));
    assert_eq!(merge("{}", "[]", Known::Text), Err(MergeError::NotAnObject));
    assert_eq!(merge("3", "{}", Known::Text), Err(MergeError::NotAnObject));
}

#[test]
fn a_patch_spells_words_as_they_are() {
    let disguised = r#"{"a":{"\u0061":1},"mcp\u005ftoken":3}"#;
    let told = "the key `mcp_token` is spelled with an escape: spell it as it is";
    assert_eq!(check_patch(disguised).unwrap_err().to_string(), told);
    for old in ["{}", "", r#"{"mcp_token":3}"#, r#"{"mcp\u005Ftoken":3}"#] {
        assert_eq!(check_change(old, disguised).unwrap_err().to_string(), told, "{old}");
    }
    check_change(r#"{"mcp\u005ftoken":4}"#, disguised).unwrap();
    check_patch(r#"{"a":{"\u0061":1},"caf\u00e9":1,"a\u0020b":2,"\/":3,"\ud83c":4,"\u003c":5}"#).unwrap();
}

#[test]
fn limits_themselves_are_fine() {
    for text in [
        "{}",
        &nested(127),
        &nested_array(126),
        r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1e300,"d":0.12345678901234567890123,"e":-0}"#,
        r#"{"a":"99999999999999999999999 [[[ \" {","b\"":{"a":1},"c":{"a":1}}"#,
        r#"{"a":18446744073709551616,"b":[-9223372036854775809],"c":1e999,"d":"\ud83c","\ud83c":"\u0000"}"#,
    ] {
        check_object(text).unwrap();
        json::parse(text).unwrap();
    }
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(17 << 20));
    check_object(&large).unwrap();
    assert_eq!(merge("{}", &large, Known::Text).unwrap().0, large);
    let many = Value::Object((0..100).map(|n| (format!("k{n}"), json!(n))).collect()).to_string();
    check_object(&many).unwrap();
    let repeated = many.replace(r#""k99""#, r#""k50""#);
    assert!(matches!(check_object(&repeated), Err(MergeError::RepeatedKey(key)) if key == "k50"));
}

#[test]
fn formatting_and_key_order_are_no_change() {
    let changed = |old, new| changed_keys(old, new).unwrap();
    assert!(changed(r#"{"a":{"x":1,"y":"é"}}"#, r#"{ "a" : {"y":"\u00e9", "x":1} }"#).is_empty());
    assert_eq!(changed(r#"{"a":1,"b":2,"c":3}"#, r#"{"d":4,"c":3,"b":null}"#), ["a", "b", "d"]);
    assert_eq!(changed(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#), ["a"]);
}

#[test]
fn in_doubt_a_key_has_changed() {
    assert_eq!(changed_keys(r#"{"a":1}"#, r#"{"a":2,"a":1}"#).unwrap(), ["a"]);
    let (old, new) = (nested(200), nested(200).replace('1', " 1"));
    assert_eq!(changed_keys(&old, &new).unwrap(), ["a"]);
    assert!(changed_keys(&old, &old).unwrap().is_empty());
}

/// The slow, obvious merge.
fn model(stored: &mut Value, patch: &Value) {
    match (stored, patch) {
        (Value::Object(stored), Value::Object(patch)) => {
            for (key, new) in patch {
                match stored.get_mut(key) {
                    Some(old) => model(old, new),
                    None => {
                        stored.insert(key.clone(), new.clone());
                    }
                }
            }
        }
        (stored, patch) => *stored = patch.clone(),
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[abc]", 1 => ".{0,3}"]
}

fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5).prop_map(|entries| entries.into_iter().collect()),
        ]
    });
    prop::collection::vec((key(), value), 0..24).prop_map(|entries| entries.into_iter().collect())
}

proptest! {
    #[test]
    fn merge_agrees_with_the_model(stored in object(), patch in object()) {
        let (stored_text, patch_text) = (stored.to_string(), format!("{patch:#}"));
        let (merged, changed) = merge(&stored_text, &patch_text, Known::Text).unwrap();
        let (mut told, mut found) = (changed, changed_keys(&stored_text, &merged).unwrap());
        told.sort();
        found.sort();
        prop_assert_eq!(told, found, "the keys that a merge tells are those that changed");
        let mut expected = stored.clone();
        model(&mut expected, &patch);
        prop_assert_eq!(&serde_json::from_str::<Value>(&merged).unwrap(), &expected);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(keys(&serde_json::from_str(&merged).unwrap()), keys(&expected), "order");
        let again = merge(&merged, &patch_text, Known::Read).unwrap().0;
        prop_assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), expected, "idempotent");
        let compact = merge(&stored_text, &patch.to_string(), Known::Text).unwrap().0;
        prop_assert_eq!(&merge(&compact, &patch.to_string(), Known::Text).unwrap().0, &compact, "idempotent to the byte");
        prop_assert_eq!(merge(&stored_text, "{}", Known::Text).unwrap().0, stored_text);
        prop_assert!(check_object(&merged).is_ok());
    }

    #[test]
    fn changed_keys_agrees_with_the_model(old in object(), patch in object(), apart: bool) {
        let mut new = if apart { json!({}) } else { old.clone() };
        model(&mut new, &patch);
        let (old_map, new_map) = (old.as_object().unwrap(), new.as_object().unwrap());
        let mut expected: Vec<String> =
            old_map.keys().chain(new_map.keys()).filter(|key| old_map.get(*key) != new_map.get(*key)).cloned().collect();
        expected.sort();
        expected.dedup();
        let mut changed = changed_keys(&old.to_string(), &format!("{new:#}")).unwrap();
        changed.sort();
        prop_assert_eq!(changed, expected);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}") {
        let _ = (check_object(&text), merge(&text, &text, Known::Read), changed_keys(&text, "{}"));
        let wrapped = format!(r#"{{"a":{text}}}"#);
        let _ = (check_change("{}", &wrapped), merge(&wrapped, &wrapped, Known::Read), json::parse(&wrapped));
    }
}
/// A JSON value as it is spelled: what no `Value` holds.
#[derive(Debug, Clone)]
enum Tree {
    /// A number or a word, of which no two texts say the same.
    Plain(&'static str),
    Text(Spelled),
    List(Vec<Tree>),
    Map(Vec<(Spelled, Tree)>),
}

/// A string: its units of UTF-16, and the text between its quotes.
#[derive(Debug, Clone)]
struct Spelled(Vec<u16>, String);

impl Tree {
    fn text(&self) -> String {
        match self {
            Self::Plain(text) => (*text).to_owned(),
            Self::Text(text) => format!("\"{}\"", text.1),
            Self::List(items) => format!("[{}]", items.iter().map(Self::text).collect::<Vec<_>>().join(",")),
            Self::Map(items) => {
                let entry = |(key, item): &(Spelled, Self)| format!("\"{}\":{}", key.1, item.text());
                format!("{{{}}}", items.iter().map(entry).collect::<Vec<_>>().join(","))
            }
        }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(own), Self::Plain(other)) => own == other,
            (Self::Text(own), Self::Text(other)) => own.0 == other.0,
            (Self::List(own), Self::List(other)) => {
                own.len() == other.len() && own.iter().zip(other).all(|(own, other)| own.says_the_same(other))
            }
            (Self::Map(own), Self::Map(other)) => {
                let same = |(key, own): &(Spelled, Self)| {
                    other.iter().any(|(known, other)| known.0 == key.0 && own.says_the_same(other))
                };
                own.len() == other.len() && own.iter().all(same)
            }
            _ => false,
        }
    }

    /// The slow, obvious merge: what the patch does not change keeps its spelling.
    fn merged(&self, patch: &Self) -> Self {
        let (Self::Map(own), Self::Map(patch)) = (self, patch) else {
            return if self.says_the_same(patch) { self.clone() } else { patch.clone() };
        };
        let mut merged = own.clone();
        for (key, new) in patch {
            match merged.iter_mut().find(|(known, _)| known.0 == key.0) {
                Some((_, old)) => *old = old.merged(new),
                None => merged.push((key.clone(), new.clone())),
            }
        }
        Self::Map(merged)
    }
}

/// What [`merge`] makes of them: a word that changes is spelled as it is.
fn plainly_merged(stored: &Tree, patch: &Tree) -> Tree {
    let (Tree::Map(own), Tree::Map(mut merged)) = (stored, stored.merged(patch)) else { panic!("two maps") };
    for (at, (key, new)) in merged.iter_mut().enumerate() {
        let word = String::from_utf16(&key.0).is_ok_and(|key| json::is_word(key.as_bytes()));
        if word && own.get(at).is_none_or(|(_, old)| !new.says_the_same(old)) {
            key.1 = String::from_utf16(&key.0).unwrap();
        }
    }
    Tree::Map(merged)
}

/// A string, where `lone` says so with lone surrogates.
fn spelled(lone: bool) -> impl Strategy<Value = Spelled> {
    let unit = prop_oneof![
        4 => 0x61..0x64_u16,
        1 => prop::sample::select(vec![0, 0x0a, 0x22, 0x5c, 0xe9, 0xfffd]),
        2 => prop::sample::select(if lone { vec![0xd800, 0xd83c, 0xdc00, 0xdfff] } else { vec![0x64] }),
    ];
    (prop::collection::vec(unit, 0..4), any::<bool>()).prop_map(|(units, escaped)| {
        let plain = |char: char| char >= ' ' && !escaped && !matches!(char, '"' | '\\');
        let spell = |unit: Result<char, std::char::DecodeUtf16Error>| match unit {
            Ok(char) if plain(char) => char.to_string(),
            Ok(char) => char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
            Err(lone) => format!("\\u{:04X}", lone.unpaired_surrogate()),
        };
        let text = char::decode_utf16(units.iter().copied()).map(spell).collect();
        Spelled(units, text)
    })
}

/// An object, where `lone` says so with lone surrogates in its keys.
fn map(lone: bool, value: impl Strategy<Value = Tree>) -> impl Strategy<Value = Tree> {
    prop::collection::vec((spelled(lone), value), 0..20).prop_map(|entries| {
        let mut map: Vec<(Spelled, Tree)> = Vec::new();
        for (key, value) in entries {
            if map.iter().all(|(known, _)| known.0 != key.0) {
                map.push((key, value));
            }
        }
        Tree::Map(map)
    })
}

fn tree(lone: bool) -> impl Strategy<Value = Tree> {
    let usual = ["null", "true", "0", "-0", "7", "0.1"];
    let beyond = ["0.10000000000000000000001", "1e999", "18446744073709551616", "18446744073709551617", "1.5e-400"];
    let leaf = prop_oneof![
        prop::sample::select([&usual[..], &beyond].concat()).prop_map(Tree::Plain),
        spelled(true).prop_map(Tree::Text),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List), map(lone, inner)]
    })
}

proptest! {
    /// To the byte, whatever the texts hold: surrogates, NULs, digits that no number holds.
    #[test]
    fn a_merge_of_texts_agrees_with_the_model(stored in map(true, tree(true)), patch in map(true, tree(true))) {
        let (old, new) = (stored.text(), patch.text());
        let (merged, mut told) = merge(&old, &new, Known::Text).unwrap();
        prop_assert_eq!(&merged, &plainly_merged(&stored, &patch).text());
        let mut found = changed_keys(&old, &merged).unwrap();
        told.sort();
        found.sort();
        prop_assert_eq!(told, found);
        prop_assert_eq!(check_object(&merged), Ok(()));
        prop_assert_eq!(check_change(&old, &merged), Ok(()));
        prop_assert_eq!(merge(&merged, &new, Known::Text).unwrap(), (merged.clone(), Vec::new()), "idempotent");
        prop_assert!(json::parse_object(&merged).is_ok(), "it can be read");
    }

    /// A reader that sends back all that it read changes nothing, and loses none of it.
    #[test]
    fn what_a_reader_sends_back_is_no_change(stored in map(false, tree(false))) {
        // A key that can't be read by its own name is another one when it comes back.
        let stored = stored.text();
        let read = serde_json::to_string(&json::parse_object(&stored).unwrap()).unwrap();
        prop_assert_eq!(merge(&stored, &read, Known::Read).unwrap(), (stored, Vec::new()));
    }
}
