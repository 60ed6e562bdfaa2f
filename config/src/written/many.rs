//! Lists, maps and alternatives of other forms.

use serde_json::{Value, json};

use super::{Field, Leaf, Section, Written, inline, show_field};
use crate::problem::{Problem, Problems};
use crate::tree::{At, Node, Tree};

/// A list of at least so many.
#[derive(Debug)]
pub(crate) struct List<T, const LEAST: usize = 0>(pub(crate) Vec<At<T>>);

/// One, or a list of at least one. Empty where it is left out.
#[derive(Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<At<T>>);

/// A map from names that the operator chooses. An entry whose value cannot be
/// read keeps its name, so that others may still refer to it.
#[derive(Debug)]
pub(crate) struct Entries<K, V>(pub(crate) Vec<(At<K>, Field<V>)>);

/// A short form, or the full one.
#[derive(Debug)]
pub(crate) enum OneOf<A, B> {
    Short(A),
    Full(B),
}

/// The readable items of a list; the others have been told.
fn items<T: Written>(nodes: &[Node], problems: &mut Problems) -> Vec<At<T>> {
    let read = |node: &Node| Some(At { value: T::read(node, problems)?, span: node.span });
    nodes.iter().filter_map(read).collect()
}

fn wrong_shape<T: Written>(node: &Node, problems: &mut Problems) -> Option<T> {
    problems.push(node.span, Problem::wrong_shape::<T>(node));
    None
}

fn show_all<T: Written>(items: &[At<T>]) -> Value {
    items.iter().map(|item| item.value.show()).collect()
}

impl<T: Written, const LEAST: usize> Written for List<T, LEAST> {
    fn what() -> String {
        format!("a list, each {}", T::what())
    }

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Tree::List(nodes) = &node.tree else {
            // What would have been one of the items is easily made a list.
            let fits =
                matches!(node.tree, Tree::Scalar { .. }).then(|| T::read(node, &mut Problems::default()));
            let remedy = fits.flatten().map(|one| format!("one is a list, too: `[{}]`", inline(&one.show())));
            problems
                .push(node.span, Problem::WrongShape { found: node.shape(), wanted: Self::what(), remedy });
            return None;
        };
        if nodes.len() < LEAST {
            problems.push(node.span, Problem::Empty { wanted: T::what() });
        }
        Some(Self(items(nodes, problems)))
    }

    fn show(&self) -> Value {
        show_all(&self.0)
    }

    fn schema() -> Value {
        let mut schema = json!({ "type": "array", "items": T::schema() });
        if let (Some(schema), 1..) = (schema.as_object_mut(), LEAST) {
            schema.insert("minItems".to_owned(), LEAST.into());
        }
        schema
    }
}

impl<T: Leaf> Written for OneOrMany<T> {
    fn what() -> String {
        format!("{}, or a list of such", <T as Leaf>::what())
    }

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.tree {
            Tree::List(_) => List::<T, 1>::read(node, problems).map(|list| Self(list.0)),
            Tree::Map(_) => wrong_shape(node, problems),
            Tree::Scalar { .. } | Tree::Nothing => {
                T::read(node, problems).map(|value| Self(vec![At { value, span: node.span }]))
            }
        }
    }

    fn show(&self) -> Value {
        match self.0.as_slice() {
            [] => Value::Null,
            [one] => Written::show(&one.value),
            many => show_all(many),
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [<T as Leaf>::schema(), List::<T, 1>::schema()] })
    }
}

impl<K: Leaf, V: Written> Written for Entries<K, V> {
    fn what() -> String {
        format!("a map from {} to {}", K::NAME, V::what())
    }

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Tree::Map(entries) = &node.tree else {
            return wrong_shape(node, problems);
        };
        let mut read = Vec::with_capacity(entries.len());
        for (key, node) in entries {
            let name = K::parse(&key.value).map_err(|why| {
                let problem = Problem::Malformed { text: key.value.clone(), name: K::NAME, why };
                problems.push(key.span, problem);
            });
            let value = V::read(node, problems).map(|value| At { value, span: node.span });
            if let Ok(name) = name {
                read.push((At { value: name, span: key.span }, value));
            }
        }
        Some(Self(read))
    }

    fn show(&self) -> Value {
        let shown = self.0.iter().map(|(name, value)| (super::plain(&name.value), show_field(value)));
        if self.0.is_empty() { Value::Null } else { Value::Object(shown.collect()) }
    }

    fn schema() -> Value {
        json!({ "type": "object", "propertyNames": K::schema(), "additionalProperties": V::schema() })
    }
}

impl<A: Leaf, B: Section> Written for OneOf<A, B> {
    fn what() -> String {
        format!("{}, or {}", <A as Leaf>::what(), B::what())
    }

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.tree {
            Tree::Scalar { .. } => A::read(node, problems).map(Self::Short),
            Tree::Map(_) => B::read(node, problems).map(Self::Full),
            Tree::List(_) | Tree::Nothing => {
                problems.push(node.span, Problem::wrong_shape::<Self>(node));
                None
            }
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::Short(short) => Written::show(short),
            Self::Full(full) => full.show(),
        }
    }

    fn schema() -> Value {
        json!({ "anyOf": [<A as Leaf>::schema(), B::schema()] })
    }
}

impl<T: Written> Written for Option<T> {
    fn what() -> String {
        T::what()
    }

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        T::read(node, problems).map(Some)
    }

    fn show(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::show)
    }

    fn schema() -> Value {
        T::schema()
    }
}
