//! Which amounts are converted, and where a transaction has its currency and its day.
//!
//! Currencies and days are those that the original documents; its memos, parts and applications it does not, and they follow
//! their nearest kin. Paths are fields of the object, or of what is joined to it by an alias. What a catalog does not have is
//! passed over.

/// An object whose amounts are converted.
#[derive(Debug)]
pub(super) struct Convertible {
    pub(super) object: &'static str,
    pub(super) amounts: &'static [&'static str],
    /// The first that has a value says.
    pub(super) currency: &'static [Path],
    /// The first group that has a day says: the earliest day of it.
    pub(super) days: &'static [&'static [Path]],
    /// The status of the document that must be posted.
    pub(super) status: Option<Path>,
}

/// A field, `Currency`, or one of a joined object, `Invoice.Currency`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path(&'static str);

impl Path {
    pub(super) fn parts(self) -> (Option<&'static str>, &'static str) {
        match self.0.split_once('.') {
            Some((alias, field)) => (Some(alias), field),
            None => (None, self.0),
        }
    }
}

/// What [`Convertible::status`] must be.
pub(super) const POSTED: &str = "Posted";

/// Documents had no currency of their own before there were several for an account.
const OWN: &[Path] = &[Path("Currency"), OF_ACCOUNT];
const OF_ACCOUNT: Path = Path("Account.Currency");
const OF_INVOICE: &[Path] = &[Path("Invoice.Currency"), OF_ACCOUNT];
const OF_PAYMENT: &[Path] = &[Path("Payment.Currency"), OF_ACCOUNT];
const OF_REFUND: &[Path] = &[Path("Refund.Currency"), OF_ACCOUNT];
const OF_CREDIT_MEMO: &[Path] = &[Path("CreditMemo.Currency"), OF_ACCOUNT];
const OF_DEBIT_MEMO: &[Path] = &[Path("DebitMemo.Currency"), OF_ACCOUNT];

/// An invoice that is posted ahead of its date has its rate from then on.
const INVOICE_DAY: &[&[Path]] = &[&[Path("Invoice.PostedDate"), Path("Invoice.InvoiceDate")]];
const PAYMENT_DAY: &[&[Path]] = &[&[Path("Payment.CreatedDate"), Path("Payment.EffectiveDate")]];
const REFUND_DAY: &[&[Path]] = &[&[Path("Refund.CreatedDate"), Path("Refund.RefundDate")]];
/// A memo may say which day's rate it takes: that of the invoice that it corrects.
const CREDIT_MEMO_DAY: &[&[Path]] =
    &[&[Path("CreditMemo.ExchangeRateDate")], &[Path("CreditMemo.PostedOn"), Path("CreditMemo.MemoDate")]];
const CREDIT_MEMO_ITEM_DAY: &[&[Path]] = &[
    &[Path("ExchangeRateDate")],
    &[Path("CreditMemo.ExchangeRateDate")],
    &[Path("CreditMemo.PostedOn"), Path("CreditMemo.MemoDate")],
];
const DEBIT_MEMO_DAY: &[&[Path]] =
    &[&[Path("DebitMemo.ExchangeRateDate")], &[Path("DebitMemo.PostedOn"), Path("DebitMemo.MemoDate")]];
const MEMO_DAY: &[&[Path]] = &[&[Path("ExchangeRateDate")], &[Path("PostedOn"), Path("MemoDate")]];

pub(super) const CONVERTIBLES: &[Convertible] = &[
    Convertible {
        object: "Invoice",
        amounts: &["Amount"],
        currency: OWN,
        days: &[&[Path("PostedDate"), Path("InvoiceDate")]],
        status: Some(Path("Status")),
    },
    Convertible {
        object: "InvoiceItem",
        amounts: &["ChargeAmount"],
        currency: OF_INVOICE,
        days: INVOICE_DAY,
        status: Some(Path("Invoice.Status")),
    },
    Convertible {
        object: "TaxationItem",
        amounts: &["TaxAmount"],
        currency: OF_INVOICE,
        days: INVOICE_DAY,
        // A tax is part of what its invoice asks for.
        status: Some(Path("Invoice.Status")),
    },
    Convertible {
        object: "InvoiceItemAdjustment",
        amounts: &["Amount"],
        currency: OF_INVOICE,
        // Not its own: it takes back what was converted then.
        days: INVOICE_DAY,
        status: None,
    },
    Convertible {
        object: "InvoiceAdjustment",
        amounts: &["Amount"],
        currency: OF_INVOICE,
        days: &[&[Path("CreatedDate"), Path("AdjustmentDate")]],
        status: None,
    },
    Convertible {
        object: "CreditBalanceAdjustment",
        amounts: &["Amount"],
        // A balance is the account's.
        currency: &[OF_ACCOUNT],
        days: &[&[Path("AdjustmentDate")]],
        status: None,
    },
    Convertible {
        object: "Payment",
        amounts: &["Amount"],
        currency: OWN,
        days: &[&[Path("CreatedDate"), Path("EffectiveDate")]],
        status: None,
    },
    Convertible {
        object: "InvoicePayment",
        amounts: &["Amount"],
        currency: OF_PAYMENT,
        days: PAYMENT_DAY,
        status: None,
    },
    Convertible { object: "PaymentPart", amounts: &["Amount"], currency: OF_PAYMENT, days: PAYMENT_DAY, status: None },
    Convertible {
        object: "PaymentApplication",
        // The catalog calls it so; other models may not.
        amounts: &["ApplyAmount", "Amount"],
        currency: OF_PAYMENT,
        // A payment may be applied long after it came in.
        days: &[&[Path("EffectiveDate")], PAYMENT_DAY[0]],
        status: None,
    },
    Convertible {
        object: "Refund",
        amounts: &["Amount"],
        currency: OWN,
        days: &[&[Path("CreatedDate"), Path("RefundDate")]],
        status: None,
    },
    Convertible {
        object: "RefundInvoicePayment",
        amounts: &["RefundAmount"],
        currency: OF_REFUND,
        days: REFUND_DAY,
        status: None,
    },
    Convertible {
        object: "RefundPart",
        amounts: &["RefundAmount", "Amount"],
        currency: OF_REFUND,
        days: REFUND_DAY,
        status: None,
    },
    Convertible { object: "CreditMemo", amounts: &["TotalAmount"], currency: OWN, days: MEMO_DAY, status: None },
    Convertible {
        object: "CreditMemoItem",
        amounts: &["AmountWithoutTax"],
        currency: OF_CREDIT_MEMO,
        days: CREDIT_MEMO_ITEM_DAY,
        status: None,
    },
    Convertible {
        object: "CreditMemoPart",
        amounts: &["Amount"],
        currency: OF_CREDIT_MEMO,
        days: CREDIT_MEMO_DAY,
        status: None,
    },
    Convertible {
        object: "CreditMemoApplication",
        amounts: &["Amount"],
        currency: OF_CREDIT_MEMO,
        days: &[&[Path("EffectiveDate")], CREDIT_MEMO_DAY[0], CREDIT_MEMO_DAY[1]],
        status: None,
    },
    Convertible { object: "DebitMemo", amounts: &["TotalAmount"], currency: OWN, days: MEMO_DAY, status: None },
    Convertible {
        object: "DebitMemoItem",
        amounts: &["AmountWithoutTax"],
        currency: OF_DEBIT_MEMO,
        days: DEBIT_MEMO_DAY,
        status: None,
    },
    Convertible {
        object: "OrderLineItem",
        amounts: &["Amount"],
        currency: OWN,
        days: &[&[Path("OriginalOrderDate")], &[Path("TransactionStartDate")]],
        status: None,
    },
    Convertible {
        object: "RatePlanCharge",
        amounts: &["MRR"],
        currency: &[Path("Subscription.Currency"), OF_ACCOUNT],
        // A charge that was not ordered has no order date.
        days: &[&[Path("OriginalOrderDate")], &[Path("CreatedDate"), Path("EffectiveStartDate")]],
        status: None,
    },
];
