"""Every chart, by its name."""

from reports.chart import Chart
from reports.recruitment import HOURLY_CLICKS_AND_SPEND
from reports.shop import TOP_COUNTRIES, TOP_PRODUCTS
from reports.web import ACTION_RATIOS, BOT_IPS, PAYMENT_ERRORS

CHARTS: dict[str, Chart] = {
    chart.name: chart
    for chart in (TOP_PRODUCTS, TOP_COUNTRIES, ACTION_RATIOS, BOT_IPS, PAYMENT_ERRORS, HOURLY_CLICKS_AND_SPEND)
}
