with daily as (
    select * from {{ ref('kpi_attribution_daily') }}
    where event_date = {{ latest_day(ref('int_attribution__daily'), ref('int_product_events__newest')) }}
),

final as (
    select
        event_date,
        country_name,
        currency,
        channel,
        model,
        orders,
        revenue,
        human_orders,
        human_revenue
    from daily
)

select * from final
