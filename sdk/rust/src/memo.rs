use crate::{Cluster, Country, HeaderName};

/// What a filter remembers of a request until its response: returned by `#[on_request]`, taken by
/// `#[on_response]`.
///
/// The two calls may run in different instances, so the proxy keeps the memo in between, as bytes
/// (at most 16 KiB). An `#[on_response]` method that takes `Memo<T>` is not called where its
/// request left none, and that response then costs nothing; one that takes `Option<Memo<T>>` always is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memo<T>(pub T);

/// What can be kept in a [`Memo`]. `#[derive(Remember)]` writes it for structs and enums.
///
/// The bytes never leave the proxy's process and are read by the same build of the same filter
/// that wrote them, so they carry no names, no types and no version.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can not be kept in a memo",
    note = "add `#[derive(Remember)]` to it"
)]
pub trait Remember: Sized {
    /// Appends the bytes of this value.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes a value from the front of the bytes; `None` where they are not what `write` wrote.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

impl<T: Remember> Memo<T> {
    /// One byte before the value tells an empty value from no memo.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        let mut bytes = vec![1];
        self.0.write(&mut bytes);
        bytes
    }
}

/// The memo in these bytes; `Ok(None)` where there is none.
#[doc(hidden)]
pub fn recall<T: Remember>(bytes: &[u8]) -> Result<Option<Memo<T>>, String> {
    let Some((_, mut value)) = bytes.split_first() else { return Ok(None) };
    match T::read(&mut value) {
        Some(memo) if value.is_empty() => Ok(Some(Memo(memo))),
        Some(_) | None => Err("the memo is not what this filter left".into()),
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Remember for $number {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let (number, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(<$number>::from_le_bytes(*number))
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64);

impl Remember for bool {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some(u8::read(bytes)? != 0)
    }
}

/// Lengths are four bytes everywhere: a guest and a native test write the same.
impl Remember for usize {
    fn write(&self, bytes: &mut Vec<u8>) {
        u32::try_from(*self).unwrap_or(u32::MAX).write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Self::try_from(u32::read(bytes)?).ok()
    }
}

impl Remember for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        bytes.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::read(bytes)?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Self::from_utf8(text.to_vec()).ok()
    }
}

impl<T: Remember> Remember for Vec<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.len().write(bytes);
        self.iter().for_each(|item| item.write(bytes));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::read(bytes)?;
        (0..length).map(|_| T::read(bytes)).collect()
    }
}

impl<T: Remember> Remember for Option<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.is_some().write(bytes);
        if let Some(value) = self {
            value.write(bytes);
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        if bool::read(bytes)? { T::read(bytes).map(Some) } else { Some(None) }
    }
}

macro_rules! texts {
    ($($name:ident => $parse:expr),*) => {$(
        impl Remember for $name {
            fn write(&self, bytes: &mut Vec<u8>) {
                self.as_str().to_owned().write(bytes);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let parse: fn(String) -> Option<Self> = $parse;
                parse(String::read(bytes)?)
            }
        }
    )*};
}

texts!(
    Cluster => |name| name.parse().ok(),
    Country => |code| code.parse().ok(),
    HeaderName => |name| Self::new(name).ok()
);

macro_rules! tuples {
    ($(($($item:ident),*)),*) => {$(
        #[allow(non_snake_case, unused_variables, reason = "items are named like their types; the unit has none")]
        impl<$($item: Remember),*> Remember for ($($item,)*) {
            fn write(&self, bytes: &mut Vec<u8>) {
                let ($($item,)*) = self;
                $($item.write(bytes);)*
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($item::read(bytes)?,)*))
            }
        }
    )*};
}

tuples!((), (A), (A, B), (A, B, C), (A, B, C, D));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Remember;

    #[track_caller]
    fn check<T: Remember + PartialEq + std::fmt::Debug + Clone>(value: T) {
        let bytes = Memo(value.clone()).into_bytes();
        assert_eq!(recall::<T>(&bytes), Ok(Some(Memo(value))));
        for length in 1..bytes.len() {
            assert!(recall::<T>(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
    }

    #[test]
    fn what_is_remembered_is_recalled() {
        check(());
        check(7_u8);
        check(-7_i64);
        check(0.25_f64);
        check((true, String::from("blå"), 3_usize));
        check(vec![Some(1_u16), None]);
        check("north".parse::<Cluster>().unwrap());
        check("SE".parse::<Country>().unwrap());
        check(HeaderName::from_static("x-bucket"));
    }

    #[test]
    fn structs_and_enums_are_remembered() {
        #[derive(Debug, Clone, PartialEq, Remember)]
        struct Visit<T> {
            bucket: T,
            path: Option<String>,
        }
        #[derive(Debug, Clone, PartialEq, Remember)]
        enum Bucket {
            Control,
            Variant(u8, String),
            Shadow { of: u16 },
        }

        check(Visit { bucket: Bucket::Control, path: None });
        check(vec![
            Visit { bucket: Bucket::Variant(3, "green".into()), path: Some("/cart".into()) },
            Visit { bucket: Bucket::Shadow { of: 500 }, path: None },
        ]);
        assert!(recall::<Bucket>(&[1, 3]).is_err(), "there is no fourth variant");
    }

    #[test]
    fn no_memo_is_no_error() {
        assert_eq!(recall::<String>(&[]), Ok(None));
        assert_eq!(recall::<()>(&[1]), Ok(Some(Memo(()))));
    }

    #[test]
    fn too_much_is_an_error() {
        assert!(recall::<u8>(&[1, 2, 3]).is_err());
    }
}
