with daily as (
    select * from {{ ref('kpi_revenue_daily') }}
    where event_date = {{ latest_day(ref('int_revenue__daily'), ref('int_product_events__newest')) }}
),

final as (
    select
        event_date,
        country_name,
        currency,
        orders,
        human_orders,
        items,
        revenue,
        average_order_value,
        unreadable_prices,
        unreadable_amounts
    from daily
)

select * from final
