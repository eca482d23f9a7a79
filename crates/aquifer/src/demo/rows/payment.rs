//! Payments, what they paid, refunds, and the credit balance.

use crate::demo::{
    calendar::day_of,
    customer::Customer,
    ledger::{self, Code},
    settlement::{Credit, CreditSource, Part, Payment, Refund},
    table::{Row, row},
    value::{Id, Money},
};

impl Payment {
    fn method(&self, customer: &Customer) -> Id {
        let on_file = customer.profile.method.as_ref().filter(|_| self.electronic);
        on_file.map_or(self.external.id(), |method| method.stamp.id)
    }

    fn kind(&self) -> &'static str {
        if self.electronic { "Electronic" } else { "External" }
    }
}

pub fn payment<'a>(customer: &'a Customer, payment: &'a Payment) -> Row<'a> {
    let only = if let [part] = payment.parts.as_slice() { customer.invoices.get(part.invoice) } else { None };
    let day = day_of(payment.stamp.created);
    let electronic = payment.electronic.then_some(());
    let settled = (payment.electronic && !payment.failed).then_some(());
    row!(payment.stamp;
        PaymentNumber: payment.number.as_str(),
        AccountId: customer.profile.stamp.id,
        Type: payment.kind(),
        Status: if payment.failed { "Error" } else { "Processed" },
        Currency: customer.profile.country.currency.code,
        EffectiveDate: day,
        Amount: payment.amount,
        AppliedAmount: payment.applied(),
        AppliedInvoiceAmount: payment.applied(),
        AppliedCreditBalanceAmount: payment.surplus,
        UnappliedAmount: Money::ZERO,
        RefundAmount: payment.refunded(),
        InvoiceId: only.map(|invoice| invoice.stamp.id),
        InvoiceNumber: only.map(|invoice| invoice.number.as_str()),
        PaymentMethodId: payment.method(customer),
        Source: if payment.electronic { "PaymentRun" } else { "Manually" },
        SourceName: electronic.map(|()| ledger::payment_run_number(day)),
        Gateway: electronic.map(|()| "Test Gateway"),
        GatewayState: electronic.map(|()| if payment.failed { "NotSubmitted" } else { "Settled" }),
        GatewayResponse: electronic.map(|()| if payment.failed { "Insufficient funds" } else { "Approved" }),
        GatewayResponseCode: electronic.map(|()| if payment.failed { "51" } else { "00" }),
        SubmittedOn: settled.map(|()| payment.stamp.created),
        SettledOn: settled.map(|()| payment.stamp.created),
        ReferenceId: payment.stamp.id,
        AccountingCode: Code::Cash.name(),
        IsStandalone: false,
        Prepayment: false,
        TransferredToAccounting: "Yes",
    )
}

pub fn part<'a>(customer: &'a Customer, payment: &'a Payment, part: &'a Part) -> Row<'a> {
    row!(part.stamp;
        PaymentId: payment.stamp.id,
        InvoiceId: customer.invoices[part.invoice].stamp.id,
        Amount: part.amount,
        RefundAmount: part.refunded,
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        CashAccountingCodeId: Code::Cash.id(),
    )
}

pub fn refund<'a>(customer: &'a Customer, refund: &'a Refund) -> Row<'a> {
    let payment = &customer.settlement.payments[refund.payment];
    row!(refund.stamp;
        RefundNumber: refund.number.as_str(),
        AccountId: customer.profile.stamp.id,
        PaymentId: payment.stamp.id,
        PaymentMethodId: payment.method(customer),
        SourceType: "Payment",
        Type: payment.kind(),
        Status: "Processed",
        Currency: customer.profile.country.currency.code,
        Amount: refund.amount,
        RefundDate: day_of(refund.stamp.created),
        RefundTransactionTime: refund.stamp.created,
        ReasonCode: "Customer satisfaction",
        Gateway: payment.electronic.then_some("Test Gateway"),
        AccountingCode: Code::Cash.name(),
        TransferredToAccounting: "Yes",
    )
}

pub fn refund_part<'a>(customer: &'a Customer, refund: &'a Refund) -> Row<'a> {
    let part = &customer.settlement.payments[refund.payment].parts[refund.part];
    row!(refund.part_stamp;
        RefundId: refund.stamp.id,
        InvoicePaymentId: part.stamp.id,
        InvoiceId: customer.invoices[part.invoice].stamp.id,
        RefundAmount: refund.amount,
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        CashAccountingCodeId: Code::Cash.id(),
    )
}

pub fn credit<'a>(customer: &'a Customer, credit: &'a Credit) -> Row<'a> {
    let (kind, source, payment, invoice, number) = match credit.source {
        CreditSource::Payment(place) => {
            let payment = &customer.settlement.payments[place];
            ("Increase", "Payment", Some(payment.stamp.id), None, payment.number.as_str())
        }
        CreditSource::Invoice(place) => {
            let invoice = &customer.invoices[place];
            ("Decrease", "Invoice", None, Some(invoice.stamp.id), invoice.number.as_str())
        }
    };
    row!(credit.stamp;
        Number: credit.number.as_str(),
        AccountId: customer.profile.stamp.id,
        Type: kind,
        Status: "Processed",
        Amount: credit.amount,
        AdjustmentDate: day_of(credit.stamp.created),
        SourceTransactionType: source,
        SourceTransactionId: payment.or(invoice),
        SourceTransactionNumber: number,
        PaymentId: payment,
        InvoiceId: invoice,
        AccountingCode: Code::CustomerCashOnAccount.name(),
        AccountReceivableAccountingCodeId: Code::AccountsReceivable.id(),
        CashAccountingCodeId: Code::Cash.id(),
        CustomerCashOnAccountAccountingCodeId: Code::CustomerCashOnAccount.id(),
        TransferredToAccounting: "Yes",
    )
}
