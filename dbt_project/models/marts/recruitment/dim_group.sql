with job_groups as (
    select * from {{ source('reference', 'group') }}
),

final as (
    select
        id as group_id,
        {{ as_bigint('company_id') }} as company_id,
        {{ as_bigint('campaign_id') }} as campaign_id,
        name as group_name,
        status,
        {{ as_boolean('is_active') }} as is_active,
        {{ as_numeric('budget_group') }} as budget,
        {{ as_numeric('number_of_pacing') }} as number_of_pacing,
        {{ as_timestamptz('created_date') }} as created_at,
        loaded_at,
        removed_at
    from job_groups
)

select * from final
