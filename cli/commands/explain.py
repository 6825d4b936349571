"""Say why a figure is what it is: a visitor's sessions, an order's path and credits."""

import click

from landfall.settings import Settings


@click.group(name="explain")
def command() -> None:
    """For who does not believe a number: what it is made of, down to the events and where they stand in Kafka.

    Reads the marts as bi_reader: nobody is named, and nothing is changed. Positions are stream/partition@offset.
    """


@command.command()
@click.argument("key", metavar="KEY")
@click.option("--events", "with_events", is_flag=True, help="Every event of these sessions too.")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="Most sessions to show, from the first."
)
def visitor(key: str, with_events: bool, limit: int) -> None:
    """Which sessions a visitor (a visitor_key of dim_visitor) is made of, and why each is theirs.

    \b
    logged in                             the session says who it is
    its device knows this login alone     the session is silent, and joins the only login of its device
    its device knows no login             the device stands for itself
    nobody logged in, on a shared device  the device has several logins, so silence joins none of them
    two people or more, so nobody's       two logins in one session
    its login stands for nobody           a placeholder, or a login on too many devices
    let go                                its events are no longer kept (LANDFALL_FACT_RETENTION_DAYS)
    """
    # Imported here for start-up time.
    from explain.marts import open_marts
    from explain.text import visitor_lines
    from explain.visitor import events_of, find_visitor

    with open_marts(Settings.load()) as marts:
        found = find_visitor(marts, key, limit)
        events = {each["session_key"]: events_of(marts, each) for each in found.sessions} if with_events else {}
    click.echo("\n".join(visitor_lines(found, events)))


@command.command()
@click.argument("key", metavar="KEY")
def order(key: str) -> None:
    """Which path an order (an order_key, or an order's number) had, and what each attribution model credited.

    The credits are worked out here once more, from the sessions: those of all orders of a day, country and currency add
    up to kpi_attribution_daily.
    """
    # Imported here for start-up time.
    from explain.marts import open_marts
    from explain.order import Rules, find_order
    from explain.text import order_lines
    from warehouse.dbt_vars import dbt_vars

    rules = Rules(int(dbt_vars()["attribution_lookback_hours"]), int(dbt_vars()["attribution_max_touches"]))
    with open_marts(Settings.load()) as marts:
        found = find_order(marts, key, rules)
    click.echo("\n".join(order_lines(found, rules)))
