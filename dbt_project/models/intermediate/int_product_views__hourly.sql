{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'event_hour', 'product_key'],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select
        {{ reporting_hour('event_at') }} as hour_start,
        product_key,
        {{ or_none('min(product_id)') }} as product_id
    from new_views
    group by 1, 2
),

viewers as (
    select * from {{ ref('int_product_viewers__5min') }}
),

final as (
    select
        touched.hour_start::date as event_date,
        extract(hour from touched.hour_start)::integer as event_hour,
        touched.product_key,
        touched.product_id,
        coalesce(sum(viewers.views), 0)::bigint as views,
        coalesce(sum(viewers.human_views), 0)::bigint as human_views
    from touched
    left join viewers
        on
            touched.hour_start::date = viewers.event_date
            and extract(hour from touched.hour_start)::integer = viewers.event_hour
            and touched.product_key = viewers.product_key
    group by 1, 2, 3, 4
)

select * from final
