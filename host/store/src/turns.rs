//! Whose turn it is when something is claimed: a few tenants after a cursor, each by its weight and its room.

use model::TenantId;

use crate::seats::Seats;

/// Of which tenants a claim may take how much.
#[derive(Clone, Debug)]
pub struct Turns {
    /// The tenants that come after this one.
    pub after: TenantId,
    /// So many of them.
    pub tenants: i64,
    /// So much of all of them, one of each at the least.
    pub wanted: i64,
    /// The weight, and how much there is room for, of those of which something is known. Whoever has no room is passed over.
    pub rooms: Vec<(TenantId, u32, i64)>,
    /// How much there is room for of each of the others.
    pub room: i64,
}

impl Turns {
    /// So much of the first tenants that have any.
    pub fn first(tenants: i64, wanted: i64) -> Self {
        Self { after: TenantId(0), tenants, wanted, rooms: Vec::new(), room: wanted }
    }

    /// So much of the next tenants, as the seats have room.
    pub fn next(after: TenantId, tenants: i64, wanted: i64, seats: &Seats) -> Self {
        let (rooms, room) = seats.rooms();
        Self { after, tenants: tenants.min(wanted), wanted, rooms, room }
    }

    /// Where the next claim goes on, once this one took of these tenants.
    pub fn go_on(&self, taken: impl Iterator<Item = TenantId>) -> TenantId {
        let mut taken: Vec<TenantId> = taken.collect();
        taken.sort_unstable();
        taken.dedup();
        let is_full = i64::try_from(taken.len()).is_ok_and(|taken| taken >= self.tenants);
        taken.last().copied().filter(|_| is_full).unwrap_or(TenantId(0))
    }

    /// Tenants, weights and rooms as statements take them.
    pub(crate) fn columns(&self) -> (Vec<i32>, Vec<i64>, Vec<i64>) {
        let tenants = self.rooms.iter().map(|(tenant, ..)| tenant.0).collect();
        let weights = self.rooms.iter().map(|(_, weight, _)| i64::from(*weight)).collect();
        let rooms = self.rooms.iter().map(|(.., room)| *room).collect();
        (tenants, weights, rooms)
    }
}
