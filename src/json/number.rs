//! Numbers of JSON, whose digits nobody may lose.

use serde_json::Number;

use super::{Fault, Reader};

impl<'a> Reader<'a> {
    /// A number, as text.
    pub(super) fn number(&mut self) -> Result<&'a str, Fault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') && self.skip_digits() == 0 {
            return Err(self.fault("a value is missing"));
        }
        if self.take(b'.') && self.skip_digits() == 0 {
            return Err(self.fault("a digit is missing"));
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            if self.skip_digits() == 0 {
                return Err(self.fault("a digit is missing"));
            }
        }
        Ok(&self.text[start..self.at])
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }
}

/// The number that `text` is, as near as `serde_json` can hold it.
pub(super) fn read(text: &str) -> Number {
    // The usual one. `-0` is none: its sign would be lost.
    if text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.bytes().fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0')).into();
    }
    // By a feature that any crate in the program can switch on it holds every number; else it may miss the nearest one.
    if let Ok(number) = text.parse::<Number>()
        && number.to_string() == text
    {
        return number;
    }
    // Nothing else is a number of JSON than what is one of Rust. Beyond all that it holds the greatest one is the nearest.
    let nearest = text.parse::<f64>().unwrap_or_default().clamp(f64::MIN, f64::MAX);
    Number::from_f64(nearest).unwrap_or_else(|| 0.into())
}

/// Whether the number that `text` is comes out of [`read`] as the same.
pub(super) fn is_exact(text: &str) -> bool {
    // So many digits fit in any number.
    let short = text.len() <= 15 && !text.contains(['e', 'E']) && text != "-0";
    short || same(text, &read(text).to_string())
}

/// Whether two numbers are the same, and both or neither whole numbers as they are written: some readers tell 1 from 1.0.
pub(super) fn same(old: &str, new: &str) -> bool {
    let is_float = |text: &str| text.contains(['.', 'e', 'E']);
    match (is_float(old), is_float(new)) {
        // A whole number has one form.
        (false, false) => old == new,
        (true, true) => same_amount(old, new),
        _ => false,
    }
}

/// Whether two numbers are the same, however they are written.
pub(super) fn same_amount(old: &str, new: &str) -> bool {
    old == new || Decimal::of(old).is_some_and(|old| Decimal::of(new) == Some(old))
}

/// A number as its digits without zeros around them, times a power of ten.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Of the text of a number; `None` where its exponent is beyond counting.
    fn of(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut exponent: i64 = exponent.parse().ok()?;
        exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.checked_add(1)?;
        }
        if digits.is_empty() {
            exponent = 0;
        }
        Some(Self { negative, digits, exponent })
    }
}
