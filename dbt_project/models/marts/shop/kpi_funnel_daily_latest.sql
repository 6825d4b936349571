with daily as (
    select * from {{ ref('kpi_funnel_daily') }}
    where event_date = {{ latest_day(ref('int_product_funnel__daily'), ref('int_product_events__newest')) }}
),

final as (
    select
        event_date,
        country_name,
        step_order,
        step,
        devices,
        human_devices,
        step_conversion,
        total_conversion
    from daily
)

select * from final
