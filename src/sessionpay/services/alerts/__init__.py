"""Alerts: what is wrong is told to whoever asked to hear of it, in the log and by signed webhooks."""

from sessionpay.services.alerts.delivery import Courier
from sessionpay.services.alerts.enrolment import add, remove, try_out
from sessionpay.services.alerts.herald import Herald
from sessionpay.services.alerts.posting import Answer
from sessionpay.services.alerts.secret_files import SecretFiles

__all__ = ["Answer", "Courier", "Herald", "SecretFiles", "add", "remove", "try_out"]
