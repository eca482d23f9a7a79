//! Catalogs of somebody's own: what files may say, and what is wrong with them.

use zoql::{
    ApiVersion, Catalog,
    catalog::{Cardinality, CatalogFiles, FieldType, JoinParent, is_custom, nearest},
};

const OBJECTS: &str = "object\nShop\nCustomer\nVisit\n";
const FIELDS: &str = "object,field,type\nShop,Id,id\nCustomer,Id,id\nCustomer,ShopId,id\nVisit,Id,id\nVisit,CustomerId,id\n\
                      Visit,Start,date\n";

fn files() -> CatalogFiles<'static> {
    CatalogFiles { objects: OBJECTS, fields: FIELDS, ..CatalogFiles::default() }
}

#[track_caller]
fn refused(files: CatalogFiles<'_>, expected: &str) {
    let error = Catalog::from_csv(&files).expect_err("the files are wrong");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn few_columns_are_enough() {
    let catalog = Catalog::from_csv(&files()).unwrap();
    let visit = catalog.object(catalog.find("visit").unwrap());
    assert!(visit.data_source && visit.zoql && visit.supports_deleted);
    let field = visit.field(visit.find_field("CUSTOMERID").unwrap());
    assert_eq!((field.label.as_str(), field.field_type, field.nullable), ("Customer Id", FieldType::Id, true));
    assert!(field.contexts.soap && field.contexts.export && !field.custom);
    assert_eq!(visit.find_field("Penguin"), None);
}

#[test]
fn joins_may_stand_in_any_order() {
    let joins = "data_source,alias,object,via,cardinality\nVisit,Shop,Shop,Customer.ShopId,\n\
                 Visit,Customer,Customer,CustomerId,one\nShop,Customer,Customer,Customer.ShopId=Id,many\n";
    let catalog = Catalog::from_csv(&CatalogFiles { joins, ..files() }).unwrap();
    let visit = catalog.object(catalog.find("Visit").unwrap());
    let (shop, customer) = (visit.find_join("SHOP").unwrap(), visit.find_join("customer").unwrap());
    assert_eq!(visit.join(shop).parent, JoinParent::Join(customer));
    assert_eq!(visit.join(shop).path, "Visit.Customer.Shop");
    assert_eq!(visit.join(customer).parent, JoinParent::Base);

    let shop = catalog.object(catalog.find("Shop").unwrap());
    let customer = shop.join(shop.find_join("Customer").unwrap());
    assert_eq!(customer.cardinality, Cardinality::Many);
    let child = catalog.object(customer.object).field(customer.child_field);
    assert_eq!((child.name.as_str(), shop.field(customer.parent_field).name.as_str()), ("ShopId", "Id"));
}

#[test]
fn an_extension_replaces_rows_and_adds_them() {
    let builtin = Catalog::builtin();
    let extension = CatalogFiles {
        objects: "object,label,feature\nShop,The Shop,\naccount,Customer,Shops\n",
        fields: "object,field,type,label,options\nShop,Id,id,ID,\nAccount,ShopId__c,text,Shop,\nAccount,Area__NS,text,,\n\
                 Account,STATUS,picklist,State,Open|Shut\nAccount,LastInvoiceDate,date,Last,\n",
        joins: "data_source,alias,object,via\nAccount,Shop,Shop,ShopId__c\nInvoice,Shop,Shop,Account.ShopId__c\n",
        date_changes: "",
    };
    let catalog = builtin.extended(&extension).unwrap();
    let id = catalog.find("Account").unwrap();
    let (before, after) = (builtin.object(id), catalog.object(id));
    assert_eq!((after.label.as_str(), after.feature.as_deref()), ("Customer", Some("Shops")));
    assert_eq!(after.fields.len(), before.fields.len() + 2);
    assert_eq!(after.joins.len(), before.joins.len() + 1);
    let status = before.find_field("Status").unwrap();
    assert_eq!(after.field(status).options, ["Open", "Shut"]);
    assert!(after.field(after.find_field("LastInvoiceDate").unwrap()).date_since_69);
    assert!(after.field(after.find_field("ShopId__c").unwrap()).custom);
    let area = after.field(after.find_field("Area__NS").unwrap());
    assert_eq!((area.label.as_str(), area.custom), ("Area", true));
    assert!(!["Area", "Area__Ns", "Area_NS", "__NS", "Area__"].into_iter().any(is_custom));
    let invoice = catalog.object(catalog.find("Invoice").unwrap());
    assert_eq!(invoice.join(invoice.find_join("Shop").unwrap()).path, "Invoice.Account.Shop");
    assert_eq!(catalog.objects().len(), builtin.objects().len() + 1);
}

#[test]
fn a_custom_field_is_added_once() {
    let mut catalog = Catalog::from_csv(&files()).unwrap();
    let shop = catalog.find("Shop").unwrap();
    let first = catalog.add_custom_field(shop, "VATRate_New__c", FieldType::Decimal);
    let again = catalog.add_custom_field(shop, "vatrate_new__C", FieldType::Text);
    assert_eq!(first, again);
    let field = catalog.object(shop).field(first);
    assert_eq!((field.label.as_str(), field.field_type, field.custom), ("VAT Rate New", FieldType::Decimal, true));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let objects = |objects| CatalogFiles { objects, ..files() };
    refused(
        objects("objct\nShop\n"),
        "objects.csv, line 1, column `objct`: there is no such column; did you mean `object`?",
    );
    refused(objects("label\nShop\n"), "objects.csv, line 1, column `object`: the column is missing");
    refused(objects("object,object\nA,B\n"), "objects.csv, line 1, column `object`: the column stands twice");
    refused(objects("object,label\nShop\n"), "objects.csv, line 2: the row has 1 cells, the header 2");
    refused(objects("object,label\n,x\n"), "objects.csv, line 2, column `object`: the cell is empty");
    refused(objects("object\nShop\nSHOP\n"), "objects.csv, line 3: `SHOP` stands in this file twice");
    refused(
        objects("object\nMy Shop\n"),
        "objects.csv, line 2, column `object`: `My Shop` is not a name: letters, digits and `_`, a letter first",
    );
    refused(objects("object,zoql\nShop,maybe\n"), "objects.csv, line 2, column `zoql`: `maybe` is neither yes nor no");
    refused(
        objects("object,since_wsdl\nShop,new\n"),
        "objects.csv, line 2, column `since_wsdl`: not an API version: write a number such as `69` or `69.0`",
    );
    refused(
        objects("object\nShop\nCustomer\nVisit\nEmpty\n"),
        "objects.csv, line 5, column `object`: the object has no fields; `fields.csv` must give it an `Id`",
    );

    let fields = |fields| CatalogFiles { fields, ..files() };
    refused(
        fields("object,field,type\nShip,Id,id\n"),
        "fields.csv, line 2, column `object`: there is no object `Ship`",
    );
    refused(
        fields("object,field,type\nShop,Name,text\n"),
        "fields.csv, line 2, column `field`: the first field of an object is `Id`",
    );
    refused(fields("object,field,type\nShop,Id,text\n"), "fields.csv, line 2, column `type`: the type of `Id` is `id`");
    refused(
        fields("object,field,type\nShop,Id,number\n"),
        "fields.csv, line 2, column `type`: `number` is not a type; the types are id, text, picklist, boolean, integer, \
         decimal, date, datetime",
    );
    refused(
        fields("object,field,type,contexts\nShop,Id,id,all\n"),
        "fields.csv, line 2, column `contexts`: `all` is none of both, soap, export, internal",
    );

    let dates = |date_changes| CatalogFiles { date_changes, ..files() };
    refused(
        dates("object,field\nShop,Start\n"),
        "date_changes.csv, line 2, column `field`: `Shop` has no field `Start`",
    );
    refused(
        dates("object,field\nVisit,Id\n"),
        "date_changes.csv, line 2, column `field`: the field is of type id, not date",
    );
}

#[test]
fn joins_that_lead_nowhere_are_refused() {
    let joins = |rows: &str| {
        let joins = format!("data_source,alias,object,via,cardinality\n{rows}\n");
        Catalog::from_csv(&CatalogFiles { joins: &joins, ..files() }).expect_err("the joins are wrong").to_string()
    };
    let circle = "Visit,A,Customer,B.ShopId,\nVisit,B,Customer,A.ShopId,";
    assert_eq!(
        joins(circle),
        "joins.csv, line 2, column `via`: following the aliases leads round in a circle, never to the data source"
    );
    assert_eq!(joins("Visit,A,Ship,Id,"), "joins.csv, line 2, column `object`: there is no object `Ship`");
    assert_eq!(joins("Visit,A,Shop,B.Id,"), "joins.csv, line 2, column `via`: `Visit` has no alias `B`");
    assert_eq!(joins("Visit,A,Shop,ShopId,"), "joins.csv, line 2, column `via`: `Visit` has no field `ShopId`");
    assert_eq!(
        joins("Visit,A,Shop,B.Id=Id,"),
        "joins.csv, line 2, column `via`: what stands before `=` is not a field of the alias itself"
    );
    assert_eq!(
        joins("Visit,A,Shop,Id,some"),
        "joins.csv, line 2, column `cardinality`: `some` is neither one nor many"
    );
    assert_eq!(
        joins("Visit,visit,Shop,Id,"),
        "joins.csv, line 2, column `alias`: the alias is the name of the data source itself"
    );
}

#[test]
fn api_versions() {
    for (text, version) in [("60", 60), ("60.0", 60), ("145.0", 145), ("69.9", 69)] {
        assert_eq!(text.parse(), Ok(ApiVersion(version)));
    }
    for text in ["", "x", "60.", ".0", "-1", "60.x", "70000", " 60"] {
        assert!(text.parse::<ApiVersion>().is_err(), "{text}");
    }
    assert_eq!(ApiVersion(60).to_string(), "60.0");
}

#[test]
fn names_are_near_when_few_letters_differ() {
    let names = ["Account", "Name", "Amount", "AccountNumber", "Id"];
    let near = |wanted| nearest(names, wanted);
    assert_eq!(near("acount"), ["Account", "Amount"]);
    assert_eq!(near("Nmae"), ["Name"]);
    assert_eq!(near("AccountNumbre"), ["AccountNumber"]);
    assert!(near("Penguin").is_empty());
    assert!(near("").is_empty());
    assert!(near(&"x".repeat(10_000)).is_empty());
}
