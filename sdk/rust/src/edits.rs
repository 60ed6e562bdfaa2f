use std::borrow::Cow;

use crate::HeaderName;

/// Several changes to a head, made in one call to the proxy: all of them, in order, or none.
///
/// ```
/// use edgeloom_sdk::{header, Edits, Request};
///
/// fn mark(request: &mut Request, bucket: &str) {
///     request.apply(
///         Edits::new()
///             .set(header!("x-bucket"), bucket)
///             .remove(header!("x-debug"))
///             .fact("ab.checkout", bucket),
///     );
/// }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits<'a>(Vec<Edit<'a>>);

/// One change to a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Edit<'a> {
    Set(&'a str, Cow<'a, [u8]>),
    Add(&'a str, Cow<'a, [u8]>),
    Remove(&'a str),
    RemoveLike(&'a str),
    Fact(Cow<'a, str>, Cow<'a, str>),
}

impl<'a> Edits<'a> {
    /// No change yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// No change yet, and room for so many.
    #[must_use]
    pub fn with_capacity(edits: usize) -> Self {
        Self(Vec::with_capacity(edits))
    }

    /// Replaces every value of this header by one.
    pub fn set(&mut self, name: &'a HeaderName, value: impl IntoValue<'a>) -> &mut Self {
        self.0.push(Edit::Set(name, value.into_value()));
        self
    }

    /// Adds a value beside those there are.
    pub fn add(&mut self, name: &'a HeaderName, value: impl IntoValue<'a>) -> &mut Self {
        self.0.push(Edit::Add(name, value.into_value()));
        self
    }

    /// Removes every value of this header.
    pub fn remove(&mut self, name: &'a HeaderName) -> &mut Self {
        self.0.push(Edit::Remove(name));
        self
    }

    /// Removes every header whose name is like this pattern, where each `*` stands for any text, also
    /// none. What the proxy keeps to itself stays. Cheaper than looking at [`Request::headers`].
    ///
    /// [`Request::headers`]: crate::Request::headers
    pub fn remove_like(&mut self, pattern: &'a str) -> &mut Self {
        self.0.push(Edit::RemoveLike(pattern));
        self
    }

    /// Leaves a fact for the filters that run later, and for the access log.
    pub fn fact(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> &mut Self {
        self.0.push(Edit::Fact(name.into(), value.into()));
        self
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_slice(&self) -> &[Edit<'a>] {
        &self.0
    }

    /// The names of what would be changed, for messages.
    #[cold]
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(Edit::name).collect();
        names.join(", ")
    }
}

impl Edit<'_> {
    fn name(&self) -> &str {
        match self {
            Edit::Set(name, _) | Edit::Add(name, _) | Edit::Remove(name) | Edit::RemoveLike(name) => name,
            Edit::Fact(name, _) => name,
        }
    }
}

/// What can be a header's value: text or bytes, borrowed or owned.
pub trait IntoValue<'a> {
    /// The bytes of the value.
    fn into_value(self) -> Cow<'a, [u8]>;
}

macro_rules! into_value {
    ($($type:ty: $value:ident => $bytes:expr),* $(,)?) => {$(
        impl<'a> IntoValue<'a> for $type {
            fn into_value(self) -> Cow<'a, [u8]> {
                let $value = self;
                $bytes
            }
        }
    )*};
}

into_value! {
    &'a str: text => Cow::Borrowed(text.as_bytes()),
    &'a String: text => Cow::Borrowed(text.as_bytes()),
    String: text => Cow::Owned(text.into_bytes()),
    &'a [u8]: bytes => Cow::Borrowed(bytes),
    &'a Vec<u8>: bytes => Cow::Borrowed(bytes),
    Vec<u8>: bytes => Cow::Owned(bytes),
    Cow<'a, [u8]>: bytes => bytes,
    Cow<'a, str>: text => match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    },
}

impl<'a, const N: usize> IntoValue<'a> for &'a [u8; N] {
    fn into_value(self) -> Cow<'a, [u8]> {
        Cow::Borrowed(self)
    }
}
