//! The forms that a configuration is written in: each is read, shown again and
//! described to editors by the same type, so that the three cannot differ.

use std::marker::PhantomData;

use serde_json::{Map, Value, json};

use crate::problem::{Problem, Problems, listed};
use crate::tree::{At, Node, Span, Tree};

mod leaf; // one value
mod many; // lists, maps, alternatives

pub(crate) use leaf::{Leaf, bounded, other_word, plain, texts, wanted, within_schema, words};
pub(crate) use many::{Entries, List, OneOf, OneOrMany};

/// Something that an operator writes.
pub(crate) trait Written: Sized {
    /// What it is, in words: "a duration, such as `250ms`".
    fn what() -> String;
    /// `None` where it cannot be read; the problem has then been told.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;
    /// As it would be written; `null` for what would be left out.
    fn show(&self) -> Value;
    /// Its JSON Schema.
    fn schema() -> Value;
}

/// A field that was read, or filled in. `None` where that failed; the problem
/// has been told, and the rest is read on for what else there is to tell.
pub(crate) type Field<T> = Option<At<T>>;

/// A field that nobody has written: it is to be shown.
pub(crate) fn meant<T>(value: T) -> Field<T> {
    Some(At::unwritten(value))
}

/// What the reference and the schema say about one field.
pub(crate) struct FieldDoc {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) what: String,
    pub(crate) schema: Value,
    /// `None` if the field is required, `null` if nothing is a meaning of its own.
    pub(crate) default: Option<Value>,
}

/// A map with known fields.
pub(crate) trait Section: Written {
    /// "a filter"
    const NAME: &'static str;
    const DOC: &'static str;
    fn fields() -> Vec<FieldDoc>;
}

/// Declares a section: its fields, what they are, their defaults, and, as doc
/// comments, what the operator's reference says about them.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $section:ident = $name:literal {
            $( $(#[doc = $doc:literal])+ $field:ident: $form:ty $(= $default:expr)?, )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        pub(crate) struct $section {
            $( pub(crate) $field: $crate::written::Field<$form>, )+
        }

        impl $crate::written::Section for $section {
            const NAME: &'static str = $name;
            const DOC: &'static str = concat!($($about),+);

            fn fields() -> Vec<$crate::written::FieldDoc> {
                vec![$( $crate::written::FieldDoc {
                    name: stringify!($field),
                    doc: concat!($($doc),+).trim_ascii_start(),
                    what: <$form as $crate::written::Written>::what(),
                    schema: <$form as $crate::written::Written>::schema(),
                    default: $crate::written::fallback!($form $(, $default)?).map(|default| $crate::written::Written::show(&default)),
                }, )+]
            }
        }

        impl $crate::written::Written for $section {
            fn what() -> String {
                $crate::written::section_what::<Self>()
            }

            fn read(node: &$crate::tree::Node, problems: &mut $crate::problem::Problems) -> Option<Self> {
                let mut fields = $crate::written::Fields::<Self>::open(node, problems)?;
                $( let $field = fields.take(
                    stringify!($field),
                    concat!($($doc),+),
                    $crate::written::fallback!($form $(, $default)?),
                ); )+
                fields.close(&[$(stringify!($field)),+]);
                Some(Self { $($field),+ })
            }

            fn show(&self) -> serde_json::Value {
                $crate::written::object([$( (stringify!($field), $crate::written::show_field(&self.$field)) ),+])
            }

            fn schema() -> serde_json::Value {
                $crate::written::section_schema::<Self>()
            }
        }
    };
}

macro_rules! fallback {
    ($form:ty) => {
        None::<$form>
    };
    ($form:ty, $default:expr) => {
        Some::<$form>($default)
    };
}

pub(crate) use {fallback, section};

/// A map while its fields are taken out.
pub(crate) struct Fields<'a, S> {
    span: Span,
    left: Vec<(&'a At<String>, &'a Node)>,
    problems: &'a mut Problems,
    section: PhantomData<S>,
}

impl<'a, S: Section> Fields<'a, S> {
    pub(crate) fn open(node: &'a Node, problems: &'a mut Problems) -> Option<Self> {
        let left = match &node.tree {
            Tree::Map(entries) => entries.iter().map(|(key, node)| (key, node)).collect(),
            Tree::Nothing => Vec::new(),
            Tree::Scalar { .. } | Tree::List(_) => {
                problems.push(node.span, Problem::wrong_shape::<S>(node));
                return None;
            }
        };
        Some(Self { span: node.span, left, problems, section: PhantomData })
    }

    pub(crate) fn take<T: Written>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        default: Option<T>,
    ) -> Field<T> {
        let position = self.left.iter().position(|(key, _)| key.value == name);
        let written = position.map(|position| self.left.swap_remove(position));
        match (written, default) {
            (Some((_, node)), _) if !node.is_nothing() => {
                T::read(node, self.problems).map(|value| At { value, span: node.span })
            }
            (_, Some(value)) => Some(At { value, span: self.span }),
            (written, None) => {
                let span = written.map_or(self.span, |(key, _)| key.span);
                let problem = Problem::MissingField { section: S::NAME, field: name, wanted: T::what(), doc };
                self.problems.push(span, problem);
                None
            }
        }
    }

    /// What is left has no meaning here.
    pub(crate) fn close(self, known: &'static [&'static str]) {
        for (key, _) in self.left {
            let found = key.value.clone();
            self.problems.push(key.span, Problem::UnknownField { section: S::NAME, found, known });
        }
    }
}

pub(crate) fn show_field<T: Written>(field: &Field<T>) -> Value {
    field.as_ref().map_or(Value::Null, |field| field.value.show())
}

/// An object of what is not null.
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let shown = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(shown.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What there must be in the map, or else what may be.
pub(crate) fn section_what<S: Section>() -> String {
    let fields = S::fields();
    let required = fields.iter().filter(|field| field.default.is_none());
    let required: Vec<_> = required.map(|field| field.name).collect();
    if required.is_empty() {
        let all: Vec<_> = fields.iter().map(|field| field.name).collect();
        let any = if all.len() > 1 { "any of " } else { "" };
        return format!("a map with {any}{}", listed(&all));
    }
    format!("a map with at least {}", listed(&required))
}

/// A value as YAML on one line.
pub(crate) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}: {}", inline(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

pub(crate) fn section_schema<S: Section>() -> Value {
    let mut required = Vec::new();
    let mut properties = Map::new();
    for field in S::fields() {
        let mut schema = field.schema;
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), field.doc.into());
            match field.default {
                None => required.push(field.name),
                Some(Value::Null) => {}
                Some(value) => {
                    schema.insert("default".to_owned(), value);
                }
            }
        }
        properties.insert(field.name.to_owned(), schema);
    }
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}
