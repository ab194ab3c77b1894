//! Makes a record from one list of its columns.

/// Defines a record, what creates one, and what patches one.
///
/// ```text
/// record! {
///     Task in "tasks", keyed by task_id: TaskId, created by NewTask, patched by TaskPatch;
///     keeps [password: String = "password"];      a column that is written and never read, if any
///     status: TaskStatus = "status", open;        Rust name: type = column, who sets it
/// }
/// ```
///
/// The key comes first. A column is `open` (set at creation and by patches), `new` (set at creation only) or
/// `fixed` (no setter: the key has `id`, parents are given to `new`, stamps are the store's).
/// A nullable column is an `Option`. `data` follows by itself.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $record:ident in $table:literal, keyed by $key:ident: $id:ty,
            created by $new:ident, patched by $patch:ident;
        keeps [$( $(#[$kept_meta:meta])* $kept:ident: $kept_type:ty = $kept_column:literal )?];
        $( $(#[$column_meta:meta])* $field:ident: $type:ty = $column:literal, $when:ident; )*
    ) => {
        $(#[$meta])*
        ///
        /// As JSON its columns and the keys of `data` lie flat beside each other, a column wins over a
        /// like-named key, times are RFC 3339, and what is NULL is left out. A record whose `data` can't be read fails to serialise.
        /// A lone surrogate is written as U+FFFD. In JSON text every number has all its digits.
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $record {
            $( $(#[$column_meta])* pub $field: $type, )*
            data: $crate::record::data::Data,
        }

        impl $record {
            /// The open part: every field that has no column, without secrets. It is read when this is first called.
            ///
            /// A lone surrogate is read as U+FFFD, and a number as the nearest that `serde_json` can hold;
            #[doc = concat!("[`", stringify!($record), "::data_text`] has both as they are stored.")]
            ///
            /// # Errors
            /// `Storage` where what is stored is not a JSON object, or nests deeper than 127 levels.
            pub fn data(&self) -> $crate::error::Result<&serde_json::Map<String, serde_json::Value>> {
                self.data.map(self.$key.as_str())
            }

            /// The open part as the JSON text that is stored, without secrets and without keys that are columns.
            ///
            /// # Errors
            /// `Storage` where what is stored is not a JSON object.
            pub fn data_text(&self) -> $crate::error::Result<&str> {
                self.data.text(self.$key.as_str())
            }

            /// Reads a record, leaving the keys `secrets` of `data` out.
            fn read_without(source: $crate::record::Source<'_>, secrets: &[&str]) -> $crate::error::Result<Self> {
                let mut reader = $crate::record::row::Reader::new::<Self>(source);
                Ok(Self { $( $field: reader.field()?, )* data: reader.data::<Self>(secrets)? })
            }
        }

        impl $crate::record::Record for $record {
            const RESOURCE: $crate::operation::Resource = $crate::operation::Resource::$record;
            const TABLE: &'static str = $table;
            const KEY: &'static str = stringify!($key);
            const COLUMNS: &'static [$crate::record::Column] = &[
                $( $crate::record::Column {
                    name: $column,
                    kind: <$type as $crate::record::column::Field>::KIND,
                    nullable: <$type as $crate::record::column::Field>::NULLABLE,
                    free: $crate::record::column::lists(
                        $crate::catalog::of($crate::operation::Resource::$record).free,
                        $column,
                    ),
                }, )*
                $crate::record::Column {
                    name: "data",
                    kind: $crate::record::Kind::Data,
                    nullable: false,
                    free: false,
                },
            ];

            const WRITE_ONLY: &'static [$crate::record::Column] = &[
                $( $crate::record::Column {
                    name: $kept_column,
                    kind: <$kept_type as $crate::record::column::Field>::KIND,
                    nullable: <$kept_type as $crate::record::column::Field>::NULLABLE,
                    free: false,
                }, )?
            ];

            fn read(source: $crate::record::Source<'_>) -> $crate::error::Result<Self> {
                Self::read_without(source, Self::HIDDEN)
            }
        }

        impl serde::Serialize for $record {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                use $crate::record::column::Field as _;

                let mut map = serializer.serialize_map(None)?;
                $( if !self.$field.is_null() {
                    map.serialize_entry($column, &self.$field)?;
                } )*
                self.data.serialize_into(self.$key.as_str(), &mut map)?;
                map.end()
            }
        }

        impl std::fmt::Debug for $record {
            /// Prints everything but the values of secrets.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($record))
                    $( .field($column, &self.$field) )*
                    .field("data", &self.data)
                    .finish()
            }
        }

        builder! {
            #[doc = concat!("What creates a [`", stringify!($record), "`].")]
            ///
            /// Setters chain; a value that can't be stored is reported when this is used.
            $new for $record, "record"
        }

        impl $new {
            /// Gives the id, which otherwise is made: the caller can know it beforehand.
            pub fn id(self, id: impl Into<$id>) -> Self {
                let id: $id = id.into();
                Self { draft: self.draft.with(stringify!($key), id) }
            }

            $( setter! { creation open: $(#[$kept_meta])* $kept: $kept_type = $kept_column } )?
            $( setter! { creation $when: $(#[$column_meta])* $field: $type = $column } )*
        }

        builder! {
            #[doc = concat!("What changes a [`", stringify!($record), "`]: the fields it holds, and no other.")]
            ///
            /// Keys of `data` merge deeply: objects recurse, all else replaces. Setters chain; a value that
            /// can't be stored is reported when this is used.
            $patch for $record, "patch"
        }

        impl $patch {
            /// A patch that changes nothing yet.
            pub fn new() -> Self {
                Self { draft: $crate::record::fields::Draft::new::<$record>() }
            }

            $( setter! { patch open: $(#[$kept_meta])* $kept: $kept_type = $kept_column } )?
            $( setter! { patch $when: $(#[$column_meta])* $field: $type = $column } )*
        }

        impl Default for $patch {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

/// Defines a builder of fields, and what all builders can do.
macro_rules! builder {
    ($(#[$meta:meta])* $name:ident for $record:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        #[must_use = "it does nothing until it is given to the store"]
        pub struct $name {
            draft: $crate::record::fields::Draft,
        }

        impl $name {
            /// Reads it from a JSON object: keys that are columns, and all others for `data`.
            ///
            /// Times are RFC 3339 or integer milliseconds, null is NULL where a column may be. What it
            /// may hold and what it must is decided when it is used.
            ///
            /// # Errors
            /// `Invalid` where it is no object, a field has the wrong type, an id is empty or over 64
            /// bytes, or JSON is nested deeper than 127 levels.
            pub fn from_json(value: serde_json::Value) -> $crate::error::Result<Self> {
                Ok(Self { draft: $crate::record::fields::Draft::from_json::<$record>($what, value)? })
            }

            /// Like `from_json`, from text, of which every value for `data` is stored as it stands: digits that no number
            /// of `serde_json` holds, and lone surrogates, which it does not read. What agents and JavaScript write is
            /// best taken here.
            ///
            /// # Errors
            /// As `from_json`, and `Invalid` for a repeated key: a fault that a parsed value no longer shows. A lone
            /// surrogate is `Invalid` in what carries authority, such as an id or a status; in a column of free text
            /// it becomes U+FFFD.
            pub fn from_json_str(text: &str) -> $crate::error::Result<Self> {
                Ok(Self { draft: $crate::record::fields::Draft::from_json_str::<$record>($what, text)? })
            }

            /// Sets any field by its name in JSON: a column, or else a key of `data`.
            pub fn set(self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
                Self { draft: self.draft.set(key.into(), value.into()) }
            }

            /// What it holds, or the first error in it.
            pub(crate) fn into_fields(self) -> $crate::error::Result<$crate::record::Fields> {
                self.draft.into_fields()
            }
        }
    };
}

/// The setter of a column, where a creation or a patch has one.
macro_rules! setter {
    (creation open: $($column:tt)*) => { setter! { $($column)* } };
    (creation new: $($column:tt)*) => { setter! { $($column)* } };
    (patch open: $($column:tt)*) => { setter! { $($column)* } };
    (creation fixed: $($column:tt)*) => {};
    (patch new: $($column:tt)*) => {};
    (patch fixed: $($column:tt)*) => {};
    ($(#[$meta:meta])* $field:ident: $type:ty = $column:literal) => {
        #[doc = concat!("Sets `", $column, "`.")]
        ///
        $(#[$meta])*
        pub fn $field(self, value: impl Into<$type>) -> Self {
            let value: $type = value.into();
            Self { draft: self.draft.with($column, value) }
        }
    };
}
