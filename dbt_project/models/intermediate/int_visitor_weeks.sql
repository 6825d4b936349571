{% set cells = [] %}
{% for cohort in ['first_visit', 'human_first_visit', 'first_order', 'human_first_order'] %}
    {% set is_of_it = "case when cohort = '" ~ cohort ~ "' then " %}
    {% do cells.append({'kind': cohort, 'day': is_of_it ~ 'cohort_week end', 'number': is_of_it ~ 'weeks_since end'}) %}
{% endfor %}
{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['visitor_key'],
    indexes=[{'columns': ['cohort', 'cohort_week', 'weeks_since']}],
    meta={'noted': cells},
) }}

with noted_visitors as (
    {{ noted(ref('int_visitor_sessions'), 'visitor', key='visitor_key') }}
    union
    {{ noted(ref('int_visitor_orders'), 'visitor', key='visitor_key') }}
    union
    {{ keys_of_recounted_days(ref('int_visitor_sessions'), 'visitor_key', 'started_at') }}
),

touched as (
    select distinct noted_key as visitor_key from noted_visitors
    where noted_key is not null
),

-- each session and order once among all, and once more among people
moments as (
    select
        touched.visitor_key,
        cohorts.cohort,
        {{ reporting_week('sessions.started_at') }} as week
    from touched
    inner join {{ ref('int_visitor_sessions') }} as sessions on touched.visitor_key = sessions.visitor_key
    inner join (values ('first_visit', false), ('human_first_visit', true)) as cohorts (cohort, is_of_people)
        on not (cohorts.is_of_people and sessions.is_bot)
    union
    select
        touched.visitor_key,
        cohorts.cohort,
        {{ reporting_week('orders.event_at') }} as week
    from touched
    inner join {{ ref('int_visitor_orders') }} as orders on touched.visitor_key = orders.visitor_key
    inner join (values ('first_order', false), ('human_first_order', true)) as cohorts (cohort, is_of_people)
        on not (cohorts.is_of_people and orders.is_bot)
),

with_cohorts as (
    select
        *,
        min(week) over (partition by visitor_key, cohort) as cohort_week
    from moments
),

final as (
    select
        visitor_key,
        cohort,
        cohort_week,
        (week - cohort_week) / 7 as weeks_since
    from with_cohorts
    where (week - cohort_week) / 7 <= {{ var('retention_weeks') }}
    union all
    -- a bucket without rows
    select
        visitor_key,
        null as cohort,
        null as cohort_week,
        null as weeks_since
    from touched
)

select * from final
