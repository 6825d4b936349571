with jobs as (
    select * from {{ source('reference', 'job') }}
),

minor_categories as (
    select * from {{ source('reference', 'minor_category') }}
),

major_categories as (
    select * from {{ source('reference', 'major_category') }}
),

final as (
    select
        jobs.id as job_id,
        {{ as_bigint('jobs.company_id') }} as company_id,
        {{ as_bigint('jobs.campaign_id') }} as campaign_id,
        {{ as_bigint('jobs.group_id') }} as group_id,
        jobs.title,
        minor_categories.name as minor_category,
        major_categories.name as major_category,
        jobs.work_schedule,
        jobs.role_location,
        jobs.resume_option,
        jobs.status,
        {{ as_boolean('jobs.is_active') }} as is_active,
        {{ as_numeric('jobs.budget') }} as budget,
        {{ as_timestamptz('jobs.created_date') }} as created_at,
        {{ as_timestamptz('jobs.start_date') }} as start_at,
        {{ as_timestamptz('jobs.end_date') }} as end_at,
        {{ as_timestamptz('jobs.close_date') }} as close_at,
        jobs.loaded_at,
        jobs.removed_at
    from jobs
    left join minor_categories on minor_categories.id = {{ as_bigint('jobs.minor_id') }}
    left join major_categories on major_categories.id = {{ as_bigint('minor_categories.major_id') }}
)

select * from final
