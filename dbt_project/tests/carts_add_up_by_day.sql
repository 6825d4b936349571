-- Each cart is in one row of kpi_carts_daily, with its outcome and its value.
with carts as (
    select
        count(*) as carts,
        count(*) filter (where outcome = 'bought') as bought,
        count(*) filter (where outcome = 'emptied') as emptied,
        count(*) filter (where outcome = 'abandoned') as abandoned,
        count(*) filter (where outcome = 'open') as open,
        coalesce(sum(value), 0) as value
    from {{ ref('fct_carts') }}
    where not {{ is_of_let_go_days(reporting_day('opened_at'), ['product_views']) }}
),

days as (
    select
        coalesce(sum(carts), 0) as carts,
        coalesce(sum(bought), 0) as bought,
        coalesce(sum(emptied), 0) as emptied,
        coalesce(sum(abandoned), 0) as abandoned,
        coalesce(sum(open), 0) as open,
        coalesce(sum(value), 0) as value
    from {{ ref('kpi_carts_daily') }}
    where not {{ is_of_let_go_days('event_date', ['product_views']) }}
)

select
    carts.carts,
    days.carts as of_days
from carts
cross join days
where
    (carts.carts, carts.bought, carts.emptied, carts.abandoned, carts.open, carts.value)
    is distinct from (days.carts, days.bought, days.emptied, days.abandoned, days.open, days.value)
    and {{ are_as_far('product_views', [ref('int_carts__daily'), ref('int_carts')]) }}
