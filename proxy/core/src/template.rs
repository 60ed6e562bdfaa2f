//! Texts with places to fill in: `${name}`. `$${` stands for `${` itself.

/// A text whose places have been found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<P> {
    pieces: Vec<Piece<P>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<P> {
    Text(Box<str>),
    Place(P),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("there is no `${{{name}}}`: write {known}, or `$${{` for the characters themselves")]
    Unknown { name: String, known: String },
    #[error("`${{` without `}}`; the characters themselves are `$${{`")]
    Open,
}

impl<P: Copy> Template<P> {
    /// Finds the places in a text. `known` are those that there may be.
    ///
    /// # Errors
    ///
    /// Where another is named, or one does not end.
    pub fn parse(text: &str, known: &[(&str, P)]) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = after;
                continue;
            }
            literal.push_str(before);
            let (name, beyond) = after.split_once('}').ok_or(TemplateError::Open)?;
            let place = known.iter().find(|(known, _)| *known == name).ok_or_else(|| {
                let known: Vec<_> = known.iter().map(|(known, _)| format!("`${{{known}}}`")).collect();
                TemplateError::Unknown { name: shown(name), known: known.join(", ") }
            })?;
            pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
            pieces.push(Piece::Place(place.1));
            rest = beyond;
        }
        literal.push_str(rest);
        pieces.push(Piece::Text(literal.into()));
        Ok(Self { pieces })
    }

    /// The text, with what `fill` writes in its places.
    pub fn filled(&self, mut fill: impl FnMut(P, &mut String)) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Place(place) => fill(*place, &mut text),
            }
        }
        text
    }

    /// The places, in their order.
    pub fn places(&self) -> impl Iterator<Item = P> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Place(place) => Some(*place),
        })
    }
}

/// Of a name as long as a page, the beginning.
fn shown(name: &str) -> String {
    const SHOWN_MAX: usize = 40;
    name.chars().take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let known = [("one", 1), ("two", 2)];
        let template = Template::parse(text, &known).map_err(|error| error.to_string())?;
        Ok(template.filled(|place, text| text.push_str(&place.to_string())))
    }

    #[test]
    fn places_are_filled_and_the_rest_stays() {
        for (text, filled) in [
            ("", ""),
            ("a ${one}${two} b", "a 12 b"),
            ("$one {two} $", "$one {two} $"),
            ("$${one} costs $5", "${one} costs $5"),
            ("$$${one}", "$${one}"),
        ] {
            assert_eq!(check(text).as_deref(), Ok(filled), "{text}");
        }
    }

    #[test]
    fn other_places_are_refused() {
        let known = "write `${one}`, `${two}`, or `$${` for the characters themselves";
        assert_eq!(check("${three}"), Err(format!("there is no `${{three}}`: {known}")));
        assert_eq!(check("a ${one"), Err("`${` without `}`; the characters themselves are `$${`".to_owned()));
    }
}
