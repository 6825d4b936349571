-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys.
select
    carts.first_event_key,
    carts.visitor_key,
    carts.opened_at,
    carts.last_event_at,
    case
        when carts.outcome <> 'unfinished' then carts.outcome
        when
            (select max(newest.newest_event_at) from {{ ref('int_product_events__newest') }} as newest) - carts.last_event_at
            > interval '{{ var("cart_gap_hours") }} hours'
            then 'abandoned'
        else 'open'
    end as outcome,
    carts.adds,
    carts.currency,
    carts.value,
    carts.unvalued_adds,
    carts.is_bot,
    carts.country_name
from {{ ref('int_carts') }} as carts
