"""Cloud Billing: how much of a budget has been spent, several times a day, whether or not a threshold was passed.

Facts: "Set up programmatic notifications" of Cloud Billing's documentation, schema version 1.0.
"""

from __future__ import annotations

from .base import Attributes, Double, Model, Timestamp

__all__ = ["BudgetAttributes", "BudgetNotification"]


class BudgetNotification(Model):
    """What a budget's period has cost so far."""

    budget_display_name: str = ""
    cost_amount: Double = 0
    cost_interval_start: Timestamp | None = None
    budget_amount: Double = 0
    #: `SPECIFIED_AMOUNT`, `LAST_MONTH_COST` or `LAST_PERIODS_COST`.
    budget_amount_type: str = ""
    #: Of ISO 4217.
    currency_code: str = ""
    #: The highest threshold that the costs have passed: 0.9 is 90 %. None if they have passed none.
    alert_threshold_exceeded: Double | None = None
    #: The same of what the whole period is forecast to cost.
    forecast_threshold_exceeded: Double | None = None


class BudgetAttributes(Attributes):
    """The attributes of a budget's message: `BudgetAttributes.of(event.envelope.attributes)`."""

    billing_account_id: str
    #: The only name of a budget that does not change.
    budget_id: str
    schema_version: str = ""
