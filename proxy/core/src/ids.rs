//! Names, resolved while a generation is built: requests index, they never hash a string.

/// A cluster of the generation, by its position.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClusterId(pub u32);

/// A filter of the generation, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilterId(pub u32);

/// A route of the generation, by its position in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

impl ClusterId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl FilterId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl RouteId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
