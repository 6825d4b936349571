with daily as (
    select * from {{ ref('int_carts__daily') }}
),

-- of the newest carts alone: all others are found by no more than their day
open_carts as (
    select
        {{ reporting_day('opened_at', counted_timezone(ref('int_carts__daily'))) }} as event_date,
        country_name,
        currency,
        count(*) as carts,
        count(*) filter (where not is_bot) as human_carts,
        sum(value) as value
    from {{ ref('int_carts') }}
    where
        outcome = 'unfinished'
        and last_event_at
        >= (select max(newest.newest_event_at) from {{ ref('int_product_events__newest') }} as newest)
        - interval '{{ var("cart_gap_hours") }} hours'
    group by 1, 2, 3
),

with_open as (
    select
        daily.*,
        daily.unfinished - coalesce(open_carts.carts, 0) as abandoned,
        coalesce(open_carts.carts, 0) as open,
        daily.human_unfinished - coalesce(open_carts.human_carts, 0) as human_abandoned,
        daily.unfinished_value - coalesce(open_carts.value, 0) as abandoned_value
    from daily
    left join open_carts
        on
            daily.event_date = open_carts.event_date
            and daily.country_name = open_carts.country_name
            and daily.currency = open_carts.currency
),

final as (
    select
        event_date,
        country_name,
        currency,
        carts,
        bought,
        emptied,
        abandoned,
        open,
        human_carts,
        human_bought,
        human_abandoned,
        value,
        abandoned_value,
        abandoned::numeric / nullif(abandoned + bought, 0) as abandonment_rate
    from with_open
)

select * from final
