// Times are written in UTC; who has scripts reads them in the own zone, with UTC on hover.
"use strict";
const form = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
for (const element of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(element.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    element.title = element.textContent.trim();
    element.textContent = form.format(moment);
  }
}
