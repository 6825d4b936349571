with daily as (
    select * from {{ ref('kpi_orders_daily') }}
    where event_date = {{ latest_day(ref('int_revenue__daily'), ref('int_product_events__newest')) }}
),

final as (
    select
        event_date,
        country_name,
        orders,
        human_orders,
        items,
        items_per_order,
        unreadable_prices,
        unreadable_amounts
    from daily
)

select * from final
