use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const NAME: &str = "$serde_json::private::RawValue";

#[test]
fn a_private_name_of_a_reader_is_a_key_like_any_other() {
    for inner in ["\"[1,2]\"", "\"not json\"", "7", "{}"] {
        for name in [NAME, "$serde_json::private::Number"] {
            let text = format!(r#"{{"a":{{"{name}":{inner}}}}}"#);
            assert_eq!(Value::Object(parse_object(&text).unwrap()).to_string(), text);
            assert_eq!(parse(&text).unwrap().to_string(), text);
        }
    }
}

#[test]
fn nothing_nests_deeper_than_readers_can_take() {
    let nested = |open: &str, close: &str, levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        serde_json::from_str::<Value>(&parse(&nested(open, close, MAX_DEPTH)).unwrap().to_string()).unwrap();
        let problem = parse(&nested(open, close, MAX_DEPTH + 1)).unwrap_err().to_string();
        assert!(problem.starts_with("nested deeper than 127 levels"), "{problem}");
        // What is only passed over may nest as it likes.
        let deep = format!(r#"{{"deep":{},"a":1}}"#, nested(open, close, 1_000_000));
        assert_eq!(Object::parse(&deep).unwrap().entries.len(), 2);
        assert!(Object::parse(&nested(open, close, 1_000_000)[1..]).is_err());
    }
}

/// What JavaScript's `substring` makes of an emoji is read, and what it becomes stands for nothing else.
#[test]
fn a_lone_surrogate_is_read_as_one_character() {
    for (text, read) in [
        (r#""\ud83c""#, "\u{fffd}"),
        (r#""a\ud83cb""#, "a\u{fffd}b"),
        (r#""\udf89\ud83c""#, "\u{fffd}\u{fffd}"),
        (r#""\ud83c\ud83c\udf89""#, "\u{fffd}🎉"),
        (r#""\ud83c\udf89""#, "🎉"),
        (r#""\ud83c\n""#, "\u{fffd}\n"),
        (r#""\\ud83c""#, "\\ud83c"),
        (r#""\u0000""#, "\0"),
    ] {
        assert_eq!(parse(text).unwrap(), json!(read), "{text}");
        let repaired = repaired(text).unwrap();
        assert_eq!(serde_json::from_str::<String>(&repaired).unwrap(), read, "{text}");
    }
}

/// Keys that become the same by what is read in the place of a surrogate would hide one another.
#[test]
fn no_key_hides_another() {
    for (text, read) in [
        (r#"{"\ud800":1,"\ud801":2}"#, json!({"\u{fffd}": 1, "\u{fffd}#2": 2})),
        (r#"{"\ud800":1,"\ufffd":2,"z":3}"#, json!({"\u{fffd}#2": 1, "\u{fffd}": 2, "z": 3})),
        (r#"{"\ufffd#2":1,"\ud800":2,"\ud801":3}"#, json!({"\u{fffd}#2": 1, "\u{fffd}": 2, "\u{fffd}#3": 3})),
        (r#"{"\ud800":1,"\uD800":2}"#, json!({"\u{fffd}": 2})),
        (r#"{"a":[{"\ud800":{"\udc00":1}}]}"#, json!({"a": [{"\u{fffd}": {"\u{fffd}": 1}}]})),
    ] {
        let object = parse_object(text).unwrap();
        assert_eq!(Value::Object(object.clone()).to_string(), read.to_string(), "{text}: values and order");
        assert_eq!(repaired(text), None, "{text}");
    }
    let names: Vec<String> = Object::parse(r#"{"\ud800":1,"x\udfffy":2,"\ufffd":3}"#)
        .unwrap()
        .entries
        .iter()
        .map(|(key, _)| key.name())
        .collect();
    assert_eq!(names, [r"\ud800", r"x\udfffy", "\u{fffd}"]);
}

#[test]
fn a_number_is_read_as_the_nearest_one() {
    for (text, read, exact) in [
        ("0", json!(0), true),
        ("-0", json!(-0.0), false),
        ("18446744073709551615", json!(u64::MAX), true),
        ("-9223372036854775808", json!(i64::MIN), true),
        ("18446744073709551616", json!(18_446_744_073_709_551_616.0), false),
        ("18446744073709551617", json!(18_446_744_073_709_551_616.0), false),
        ("9007199254740993.0", json!(9_007_199_254_740_992.0), false),
        ("0.1", json!(0.1), true),
        ("0.10000000000000000000001", json!(0.1), false),
        ("1.50", json!(1.5), true),
        ("1e999", json!(f64::MAX), false),
        ("-1e999", json!(f64::MIN), false),
        ("1e99999999999999999999999", json!(f64::MAX), false),
        ("1e-999", json!(0.0), false),
    ] {
        assert_eq!(parse(text).unwrap(), read, "{text}");
        assert_eq!(is_read_exactly(text), exact, "{text}");
        assert_eq!(is_read_exactly(&format!(r#"{{"1e999":["18446744073709551617",{text}]}}"#)), exact, "{text}");
    }
}

/// Whether two values are the same but for the last digit of a float: what `serde_json` reads of a long number is not always
/// the nearest one.
fn alike(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| alike(ours, theirs))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| ours.0 == theirs.0 && alike(ours.1, theirs.1))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= one.abs() * 2.0 * f64::EPSILON
        }
        (ours, theirs) => ours == theirs,
    }
}

proptest! {
    /// Of any text that it takes, `serde_json` makes the same.
    #[test]
    fn ordinary_text_is_read_as_ever(text in r#"([{}\[\],:"\\a0.e\-+ ]|true|null|"a":|\\u00e9|\\ud83c|\\udf89|[0-9]{17}){0,16}"#) {
        let ours = parse(&text);
        let repaired = ours.is_ok().then(|| repaired(&text)).flatten();
        let theirs = serde_json::from_str::<Value>(repaired.as_deref().unwrap_or(&text));
        prop_assert_eq!(Object::parse(&text).is_ok(), ours.as_ref().is_ok_and(Value::is_object), "{}", text);
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert!(alike(&ours, &theirs), "{}: {} {}", text, ours, theirs),
            (Ok(_), Err(problem)) => {
                let only_ours = problem.to_string();
                prop_assert!(only_ours.contains("out of range") || only_ours.contains("hex escape"), "{} {}", text, only_ours);
            }
            (Err(problem), Ok(_)) => prop_assert!(false, "{}: {}", text, problem),
            (Err(_), Err(_)) => {}
        }
    }

    /// Strings mean what their units of UTF-16 mean, and are the same where these are.
    #[test]
    fn strings_are_their_units(
        units in prop::collection::vec(prop_oneof![any::<u16>(), 0xd7f0..0xe010_u16, 0x20..0x7f_u16], 0..8),
        others in prop::collection::vec(0xd7ff..0xd802_u16, 0..3),
    ) {
        let spell = |units: &[u16]| format!("\"{}\"", units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>());
        let text = spell(&units);
        prop_assert_eq!(parse(&text).unwrap(), Value::from(String::from_utf16_lossy(&units)));
        let whole: Vec<u16> = units.iter().chain(&others).copied().collect();
        prop_assert_eq!(same_value(&text, &spell(&whole)), units == whole);
        if let Ok(exact) = String::from_utf16(&units) {
            prop_assert!(same_value(&text, &Value::from(exact).to_string()));
        }
    }

    /// No key is lost to another.
    #[test]
    fn every_key_is_read(keys in prop::collection::hash_set(prop::collection::vec(prop_oneof![0xd800..0xd804_u16, Just(0xfffd_u16), Just(0x23_u16), 0x32..0x34_u16], 0..3), 0..12)) {
        let spell = |units: &Vec<u16>| units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
        let entries: Vec<String> = keys.iter().enumerate().map(|(at, key)| format!("\"{}\":{at}", spell(key))).collect();
        let read: Map<String, Value> = parse_object(&format!("{{{}}}", entries.join(","))).unwrap();
        prop_assert_eq!(read.values().cloned().collect::<Vec<_>>(), (0..keys.len()).map(Value::from).collect::<Vec<_>>());
        for (at, key) in keys.iter().enumerate() {
            if let Ok(key) = String::from_utf16(key) {
                prop_assert_eq!(&read[&key], &Value::from(at), "a key of text keeps its name");
            }
        }
    }

    #[test]
    fn the_end_of_plain_text_is_found(text in "[ -~é🎉\0\x1f\x7f]{0,40}") {
        let quoted = Value::from(text.as_str()).to_string();
        prop_assert_eq!(parse(&quoted).unwrap(), Value::from(text));
    }
}
