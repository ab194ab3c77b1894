//! Reading SQL text that others wrote: all code that does so uses what stands here.
//!
//! There are two ways, and each has its use:
//!
//! - [`lexer`] splits a text into tokens by the rules of SQLite's own tokenizer. It serves whoever has to know what a
//!   statement says. `tests/sql_text/` compares it with SQLite, token by token. [`trigger`] reads
//!   triggers with it.
//! - [`search`] looks whether letters stand anywhere in a text, in comments and literals too. It serves refusals that
//!   must hold whatever a tokenizer makes of the text: a host's SQLite can be of another version than the one that the
//!   lexer was compared with. `secrets` holds those that the catalog's secrets need.

pub(crate) mod lexer;
pub(crate) mod search;
pub(crate) mod secrets;
pub(crate) mod trigger;
