/// Where a value stands in the settings; grows on the stack while they are read.
#[derive(Debug, Clone, Copy)]
pub enum Path<'a> {
    /// The settings as a whole.
    Root,
    /// A field of the map above.
    Field(&'a Self, &'a str),
    /// An item of the list above, counted from 0.
    Item(&'a Self, usize),
}

impl<'a> Path<'a> {
    /// The place of this field below this place.
    #[must_use]
    pub const fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    /// The place of this item below this place.
    #[must_use]
    pub const fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }

    /// As in `rules[2].when`, between backquotes; empty for the settings as a whole.
    pub(crate) fn quoted(&self) -> String {
        let mut text = String::from("`");
        self.push_to(&mut text);
        if text.len() == 1 {
            text.clear();
        } else {
            text.push('`');
        }
        text
    }

    fn push_to(&self, text: &mut String) {
        match *self {
            Self::Root => {}
            Self::Field(above, name) => {
                above.push_to(text);
                if text.len() > 1 {
                    text.push('.');
                }
                text.push_str(name);
            }
            Self::Item(above, index) => {
                above.push_to(text);
                text.push('[');
                text.push_str(&index.to_string());
                text.push(']');
            }
        }
    }
}
