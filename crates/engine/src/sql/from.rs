//! The tables of a query: the base object and, left joined, what it needs.

use sea_query::{Alias, ExprTrait, IntoIden, SelectStatement, TableRef};
use zoql::{bound::TableId, catalog::ObjectId};

use super::{
    Context,
    names::{DELETED, column, hidden, table},
};

impl Context<'_> {
    pub(super) fn from(&self, select: &mut SelectStatement) {
        select.from(self.table(TableId::BASE, self.query.base));
        for (at, join) in self.query.joins.iter().enumerate() {
            let id = TableId(at + 1);
            let parent = self.catalog.object(self.object_of(join.parent));
            let key = column(join.parent, &parent.field(join.parent_field).name);
            let child = column(id, &self.catalog.object(join.object).field(join.child_field).name);
            // A joined record that is deleted counts as absent.
            let on = child.eq(key).and(hidden(id, DELETED).eq(0));
            let on = match &join.filter {
                Some(filter) => on.and(self.condition(filter)),
                None => on,
            };
            select.left_join(self.table(id, join.object), on);
        }
    }

    fn table(&self, id: TableId, object: ObjectId) -> TableRef {
        let name = Alias::new(self.catalog.object(object).name.as_str()).into_iden();
        TableRef::Table(name.into(), Some(table(id).into_iden()))
    }

    fn object_of(&self, table: TableId) -> ObjectId {
        match table {
            TableId::BASE => self.query.base,
            TableId(n) => self.query.joins[n - 1].object,
        }
    }
}
