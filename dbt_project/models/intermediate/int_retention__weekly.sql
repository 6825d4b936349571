{% set cohorts = ['first_visit', 'human_first_visit', 'first_order', 'human_first_order'] %}
{{ config(
    tags=['cold'],
    incremental_strategy='rebuild_buckets',
    unique_key=['cohort', 'cohort_week', 'weeks_since'],
) }}

with touched as (
    {%- for cohort in cohorts %}
        {{ 'union' if not loop.first }}
        select
            '{{ cohort }}' as cohort,
            noted_day as cohort_week,
            noted_number as weeks_since
        from (
            {{ noted(
                ref('int_visitor_weeks'),
                cohort,
                day="case when cohort = '" ~ cohort ~ "' then cohort_week end",
                number="case when cohort = '" ~ cohort ~ "' then weeks_since end",
            ) }}
        ) as noted_cells_{{ loop.index }}
        where noted_day is not null
    {%- endfor %}
),

-- without a visitor a bucket without rows
final as (
    select
        touched.cohort,
        touched.cohort_week,
        touched.weeks_since,
        nullif(counted.visitors, 0) as visitors
    from touched
    cross join lateral (
        select count(*) as visitors from {{ ref('int_visitor_weeks') }} as weeks
        where
            touched.cohort = weeks.cohort
            and touched.cohort_week = weeks.cohort_week
            and touched.weeks_since = weeks.weeks_since
    ) as counted
)

select * from final
