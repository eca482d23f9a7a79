//! Accounts, contacts, payment methods.

use crate::demo::{
    customer::Customer,
    ledger,
    profile::{Contact, Method, MethodKind, Profile},
    table::{Row, row},
    value::Money,
};

pub fn account(customer: &Customer) -> Row<'_> {
    let profile = &customer.profile;
    let total = customer.invoice_balance();
    let credit = customer.settlement.credit_balance();
    row!(customer.stamp;
        AccountNumber: profile.account_number(),
        Name: profile.name.as_str(),
        Status: if profile.draft { "Draft" } else { "Active" },
        Currency: profile.country.currency.code,
        Balance: total - credit,
        TotalInvoiceBalance: total,
        CreditBalance: credit,
        Mrr: customer.mrr(),
        AutoPay: profile.auto_pay,
        AllowInvoiceEdit: false,
        Batch: format!("Batch{}", profile.batch),
        BcdSettingOption: "AutoSet",
        BillCycleDay: profile.first_bill.day(),
        BillToId: profile.bill_to().stamp.id,
        SoldToId: profile.sold_to().stamp.id,
        ShipToId: profile.sold_to().stamp.id,
        CommunicationProfileId: ledger::communication_profile(),
        DefaultPaymentMethodId: profile.method.as_ref().map(|method| method.stamp.id),
        PaymentGateway: profile.method.as_ref().map(|_| "Test Gateway"),
        InvoiceDeliveryPrefsEmail: true,
        InvoiceDeliveryPrefsPrint: false,
        LastInvoiceDate: customer.posted().last().map(|invoice| invoice.date),
        ParentId: profile.parent,
        PaymentTerm: profile.term.name,
        PurchaseOrderNumber: profile.purchase_order.as_deref(),
        SalesRepName: profile.sales_rep,
        TaxExemptStatus: if profile.tax_exempt { "Yes" } else { "No" },
        VATId: profile.vat_id.as_deref(),
        TotalDebitMemoBalance: Money::ZERO,
        UnappliedBalance: Money::ZERO,
        UnappliedCreditMemoAmount: Money::ZERO,
    )
}

/// Every contact that is there, the former one included.
pub fn contacts(profile: &Profile) -> impl Iterator<Item = &Contact> {
    profile.contacts.iter().chain(profile.former_contact.as_ref().map(|former| &former.contact))
}

pub fn contact<'a>(profile: &'a Profile, contact: &'a Contact) -> Row<'a> {
    let is = |other: &Contact| contact.stamp.id == other.stamp.id;
    row!(contact.stamp;
        AccountId: profile.stamp.id,
        FirstName: contact.first_name,
        LastName: contact.last_name,
        WorkEmail: contact.email.as_str(),
        WorkPhone: contact.phone.as_str(),
        Address1: contact.address.as_str(),
        City: profile.city.name,
        State: profile.city.state,
        PostalCode: contact.postal_code.as_str(),
        Country: profile.country.name,
        AsBillTo: profile.contacts.first().is_some_and(is),
        AsSoldTo: profile.contacts.last().is_some_and(is),
        AsShipTo: profile.contacts.last().is_some_and(is),
    )
}

/// The contact as documents keep it.
pub fn snapshot<'a>(profile: &'a Profile, contact: &'a Contact) -> Row<'a> {
    row!(contact.snapshot;
        ContactId: contact.stamp.id,
        AccountId: profile.stamp.id,
        FirstName: contact.first_name,
        LastName: contact.last_name,
        WorkEmail: contact.email.as_str(),
        WorkPhone: contact.phone.as_str(),
        Address1: contact.address.as_str(),
        City: profile.city.name,
        State: profile.city.state,
        PostalCode: contact.postal_code.as_str(),
        Country: profile.country.name,
    )
}

pub fn method<'a>(customer: &'a Customer, method: &'a Method) -> Row<'a> {
    let profile = &customer.profile;
    let payments = || customer.settlement.payments.iter().filter(|payment| payment.electronic);
    let last = payments().next_back();
    let stamp = last.map_or(method.stamp, |payment| method.stamp.touched(payment.stamp.created));
    let is_card = method.card_type().map(|_| ());
    let mask = format!("************{:04}", method.last_digits);
    row!(stamp;
        AccountId: profile.stamp.id,
        Type: method.type_name(),
        Name: method.holder.as_str(),
        Active: true,
        PaymentMethodStatus: "Active",
        CreditCardType: method.card_type(),
        CreditCardHolderName: is_card.map(|()| method.holder.as_str()),
        CreditCardMaskNumber: is_card.map(|()| mask.clone()),
        CreditCardExpirationMonth: is_card.map(|()| method.expires.0),
        CreditCardExpirationYear: is_card.map(|()| method.expires.1),
        CreditCardCity: is_card.map(|()| profile.city.name),
        CreditCardCountry: is_card.map(|()| profile.country.name),
        AchAccountName: (method.kind == MethodKind::Ach).then_some(method.holder.as_str()),
        AchAccountNumberMask: (method.kind == MethodKind::Ach).then(|| mask.clone()),
        AchAccountType: (method.kind == MethodKind::Ach).then_some("BusinessChecking"),
        BankTransferType: (method.kind == MethodKind::Sepa).then_some("SEPA"),
        BankTransferAccountName: (method.kind == MethodKind::Sepa).then_some(method.holder.as_str()),
        BankTransferAccountNumberMask: (method.kind == MethodKind::Sepa).then(|| mask.clone()),
        MandateReceived: (method.kind == MethodKind::Sepa).then_some("Yes"),
        PaypalEmail: (method.kind == MethodKind::PayPal).then_some(profile.bill_to().email.as_str()),
        PaypalType: (method.kind == MethodKind::PayPal).then_some("ExpressCheckout"),
        LastTransactionDateTime: last.map(|payment| payment.stamp.created),
        LastTransactionStatus: last.map(|payment| if payment.failed { "Error" } else { "Approved" }),
        NumConsecutiveFailures: payments().rev().take_while(|payment| payment.failed).count() as u32,
        TotalNumberOfProcessedPayments: payments().filter(|payment| !payment.failed).count() as u32,
        TotalNumberOfErrorPayments: payments().filter(|payment| payment.failed).count() as u32,
        UseDefaultRetryRule: true,
    )
}

impl Method {
    fn type_name(&self) -> &'static str {
        match self.kind {
            MethodKind::Visa | MethodKind::MasterCard | MethodKind::AmericanExpress => "CreditCard",
            MethodKind::Ach => "ACH",
            MethodKind::Sepa => "BankTransfer",
            MethodKind::PayPal => "PayPal",
        }
    }

    fn card_type(&self) -> Option<&'static str> {
        match self.kind {
            MethodKind::Visa => Some("Visa"),
            MethodKind::MasterCard => Some("MasterCard"),
            MethodKind::AmericanExpress => Some("AmericanExpress"),
            MethodKind::Ach | MethodKind::Sepa | MethodKind::PayPal => None,
        }
    }
}
