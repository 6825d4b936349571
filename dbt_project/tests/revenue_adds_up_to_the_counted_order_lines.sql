-- Items and revenue of all days are those of the orders' lines, each order by its earliest report from a production shop.
with lines as (
    select
        currency,
        sum(amount) as items,
        sum(line_total) as revenue,
        count(*) filter (where line_total is null) as unreadable_prices,
        count(*) filter (where amount is null) as unreadable_amounts
    from {{ ref('fct_order_lines') }}
    where is_counted and not {{ is_of_let_go_days(reporting_day('event_at'), ['product_views']) }}
    group by 1
),

mart as (
    select
        currency,
        sum(items) as items,
        sum(revenue) as revenue,
        sum(unreadable_prices) as unreadable_prices,
        sum(unreadable_amounts) as unreadable_amounts
    from {{ ref('kpi_revenue_daily') }}
    where not {{ is_of_let_go_days('event_date', ['product_views']) }}
    group by 1
)

select
    coalesce(lines.currency, mart.currency) as currency,
    lines.revenue as lines_revenue,
    mart.revenue as mart_revenue
from lines
full join mart on lines.currency = mart.currency
where
    (
        coalesce(lines.items, 0),
        coalesce(lines.revenue, 0),
        coalesce(lines.unreadable_prices, 0),
        coalesce(lines.unreadable_amounts, 0)
    )
    is distinct from
    (
        coalesce(mart.items, 0),
        coalesce(mart.revenue, 0),
        coalesce(mart.unreadable_prices, 0),
        coalesce(mart.unreadable_amounts, 0)
    )
    and {{ are_as_far('product_views', [ref('int_revenue__daily'), ref('int_order_lines'), ref('int_orders')]) }}
