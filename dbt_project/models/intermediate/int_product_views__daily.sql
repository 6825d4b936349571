{{ config(
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date', 'product_key'],
    indexes=[{'columns': ['product_id'], 'type': 'hash'}],
    meta={'event_day': 'event_date'},
) }}

with new_views as (
    select * from {{ ref('int_product_events__with_rules') }}
    where is_view and {{ new_loads('product_views') }}
),

touched as (
    select
        {{ reporting_day('event_at') }} as event_date,
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
        touched.event_date,
        touched.product_key,
        touched.product_id,
        coalesce(sum(viewers.views), 0)::bigint as views,
        coalesce(sum(viewers.human_views), 0)::bigint as human_views,
        count(distinct viewers.device_key) filter (where viewers.is_visitor) as visitors,
        count(distinct viewers.device_key) filter (where viewers.is_visitor and viewers.human_views > 0) as human_visitors
    from touched
    left join viewers on touched.event_date = viewers.event_date and touched.product_key = viewers.product_key
    group by 1, 2, 3
)

select * from final
