{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['event_date'],
    meta={'event_day': 'event_date'},
) }}

with touched as (
    select noted_day as event_date from ({{ noted(ref('int_carts'), 'day', day=reporting_day('opened_at')) }}) as noted_days
    where noted_day is not null
    union
    {{ recounted_days() }}
),

-- whether an unfinished one is abandoned yet depends on the newest event: the mart asks
final as (
    select
        touched.event_date,
        carts.country_name,
        carts.currency,
        count(*) as carts,
        count(*) filter (where carts.outcome = 'bought') as bought,
        count(*) filter (where carts.outcome = 'emptied') as emptied,
        count(*) filter (where carts.outcome = 'unfinished') as unfinished,
        count(*) filter (where not carts.is_bot) as human_carts,
        count(*) filter (where not carts.is_bot and carts.outcome = 'bought') as human_bought,
        count(*) filter (where not carts.is_bot and carts.outcome = 'unfinished') as human_unfinished,
        sum(carts.value) as value,
        coalesce(sum(carts.value) filter (where carts.outcome = 'unfinished'), 0) as unfinished_value
    from touched
    inner join {{ ref('int_carts') }} as carts on touched.event_date = {{ reporting_day('carts.opened_at') }}
    group by 1, 2, 3
    union all
    -- a bucket without rows
    select
        event_date,
        null as country_name,
        null as currency,
        null as carts,
        null as bought,
        null as emptied,
        null as unfinished,
        null as human_carts,
        null as human_bought,
        null as human_unfinished,
        null as value,
        null as unfinished_value
    from touched
)

select * from final
