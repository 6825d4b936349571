with daily as (
    select * from {{ ref('kpi_acquisition_daily') }}
    where event_date = {{ latest_day(ref('int_audience__daily'), ref('int_product_events__newest')) }}
),

final as (
    select
        event_date,
        country_name,
        channel,
        sessions,
        visitors,
        new_visitors,
        returning_visitors,
        orders,
        human_sessions,
        human_visitors,
        human_new_visitors,
        human_returning_visitors,
        human_orders
    from daily
)

select * from final
